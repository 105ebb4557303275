/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Which link counters a drop can have moved, judged by the function that dropped the frame and the reason. */

#include "tracer.h"
#include "../kernel/counting_place.h"

/* From counting_places.cc: struct function_name to enum counting_place. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct function_name);
	__type(value, __u32);
} place_names SEC(".maps");

/*
 * In jiffies: 0.25 to 2.5 seconds. A module may be replaced, and other functions may then have the addresses of
 * its functions.
 */
#define MODULE_PLACE_TICKS 250

struct known_place {
	__u64 until;	/* jiffies; ~0: for ever */
	__u32 place;	/* enum counting_place */
	__u32 padding;
};

/* The locations that were looked up last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct known_place);
} known_places SEC(".maps");

struct symbol {
	char text[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct symbol);
} symbol_buffer SEC(".maps");

/* Ends the name before what a compiler or the kernel appends, with zeros. True: it is a module's function. */
static __always_inline bool cut_name(struct symbol *symbol)
{
	__u8 keep = 0xff;
	bool is_module = false;

	for (int i = 0; i < sizeof(symbol->text); i++) {
		char c = symbol->text[i];

		is_module |= c == '[';
		keep &= -(c != '.' && c != ' ' && c != 0);
		symbol->text[i] = c & keep;
	}
	return is_module;
}

/* The kernel itself names the function (%ps): it does so without CAP_SYSLOG, too. */
__noinline __u32 look_up_place(__u64 location)
{
	struct known_place known = { .until = ~0ULL, .place = PLACE_NONE };
	__u32 zero = 0;
	struct symbol *symbol = bpf_map_lookup_elem(&symbol_buffer, &zero);
	__u32 *place;

	if (!symbol)
		return PLACE_NONE;
	__builtin_memset(symbol, 0, sizeof(*symbol));
	/* It has no buffer when it interrupts others that use it. */
	if (bpf_snprintf(symbol->text, sizeof(symbol->text), "%ps", &location, sizeof(location)) < 0)
		return PLACE_NONE;
	if (cut_name(symbol))
		known.until = bpf_jiffies64() + MODULE_PLACE_TICKS;
	place = bpf_map_lookup_elem(&place_names, symbol);
	if (place)
		known.place = *place;
	bpf_map_update_elem(&known_places, &location, &known, BPF_ANY);
	return known.place;
}

static __always_inline __u32 place_of(__u64 location, struct cpu_state *cpu)
{
	struct known_place *known;

	if (cpu->last_location == location)
		return cpu->last_place;
	known = bpf_map_lookup_elem(&known_places, &location);
	if (!known || known->until < bpf_jiffies64())
		return look_up_place(location);
	if (known->until == ~0ULL) {
		cpu->last_location = location;
		cpu->last_place = known->place;
	}
	return known->place;
}

#define IS_REASON(reason, name) \
	(bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_##name) && \
	 (reason) == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_##name))

#define BIT(counter) (1U << (counter))

/* The link counters that a drop there can have moved, as bits. iff_flags: of skb->dev. */
static __always_inline __u32 movable_counters(__u32 place, __u32 reason, __u32 iff_flags)
{
	const __u32 iff_master = 0x400;		/* IFF_MASTER */

	switch (place) {
	case PLACE_RECEIVE:
		if (IS_REASON(reason, UNHANDLED_PROTO) || IS_REASON(reason, PFMEMALLOC))
			return BIT(RX_DROPPED) | BIT(RX_NOHANDLER);
		return 0;
	case PLACE_OTHERHOST:
		return IS_REASON(reason, OTHERHOST) ? BIT(RX_OTHERHOST_DROPPED) : 0;
	case PLACE_QUEUE:
		/* tc drops there, too, and counts nothing. */
		if (IS_REASON(reason, QDISC_DROP) || IS_REASON(reason, NOT_SPECIFIED) ||
		    IS_REASON(reason, DEV_READY) || IS_REASON(reason, RECURSION_LIMIT))
			return BIT(TX_DROPPED);
		return 0;
	case PLACE_RX:
	case PLACE_FORWARD:
		return BIT(RX_DROPPED);
	case PLACE_NOHANDLER:
		return BIT(RX_NOHANDLER);
	case PLACE_TX:
		return BIT(TX_DROPPED);
	case PLACE_MASTER:
		return iff_flags & iff_master ? BIT(TX_DROPPED) : 0;
	default:
		return 0;
	}
}
