// SPDX-License-Identifier: (MIT OR GPL-2.0)
#include "frame.h"
#include "pairs.h"
#include "questions.h"
#include "talkers.h"

/* <linux/if_arp.h>, which cannot be included here. */
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FILTERS);
	__type(key, struct filter_key);
	__type(value, __u8);
} filters SEC(".maps");

static __always_inline bool passes(enum filter_kind kind, __u64 value)
{
	struct filter_key key = { .kind = kind, .value = value };

	if (config.filter_counts[kind] == 0)
		return true;
	if (config.filter_counts[kind] == 1)
		return value == config.filter_values[kind];
	return bpf_map_lookup_elem(&filters, &key);
}

static __always_inline bool frame_passes(const struct frame *frame)
{
	const __u64 no_address = ~0ULL;

	return passes(FILTER_ETHER_TYPE, frame->ether_type) &&
	       passes(FILTER_SOURCE, frame->is_ethernet ? source_of(frame) : no_address) &&
	       passes(FILTER_DESTINATION, frame->is_ethernet ? destination_of(frame) : no_address);
}

/*
 * The device of a frame; all zero where skb->dev holds something else: dev_scratch of UDP's receive
 * queue, or a node of TCP's and IP's trees of what came out of order.
 */
static __always_inline void find_link(struct sk_buff *skb, struct cpu_state *cpu, struct link *link)
{
	struct net_device *dev = skb->dev;

	__builtin_memset(link, 0, sizeof(*link));
	if (!dev || untyped(cpu, dev->nd_net.net->ns.ops) != state.namespace_ops)
		return;
	link->dev = untyped(cpu, dev);
	link->node = dev->dev.kobj.sd->id;
	link->core_stats = untyped(cpu, dev->core_stats);
	link->net = untyped(cpu, dev->nd_net.net);
	link->ifindex = dev->ifindex;
	link->flags = dev->flags;
	link->type = dev->type;
}

/* Where a drop without device belongs: to the socket that sent it, or the one it was for. */
static __always_inline __u64 socket_namespace(struct sk_buff *skb, __u64 *ctx)
{
	struct sock *sender = skb->sk;

	if (sender)
		return (__u64)BPF_CORE_READ(sender, __sk_common.skc_net.net);
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)) {
		struct sock *receiver = (void *)ctx[3];

		if (receiver)
			return (__u64)BPF_CORE_READ(receiver, __sk_common.skc_net.net);
	}
	return 0;
}

/*
 * The reader sets reader_idle and then looks for records; we show the record and then look at
 * reader_idle. The exchange is the full barrier between the two on our side.
 */
static __always_inline void submit(struct drop_record *record, struct cpu_state *cpu)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	__sync_lock_test_and_set(&cpu->scratch, 0);
	if (state.reader_idle) {
		state.reader_idle = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

static __always_inline bool has_ethernet_header(const struct link *link)
{
	return link->type == ARPHRD_ETHER || link->type == ARPHRD_LOOPBACK;
}

static __always_inline bool count_drop(__u64 location, __u32 reason, __u32 counter, const struct link *link,
				       const struct frame *frame, struct cpu_state *cpu)
{
	struct talker_key key;

	key.words[0] = location;
	key.words[1] = frame->header[0];
	key.words[2] = (__u32)frame->header[1] | (__u64)frame->ether_type << 32 | (__u64)frame->vlan_tci << 48;
	key.words[3] = link->ifindex | (__u64)reason << 32;
	key.words[4] = inode_of(link->net) | (__u64)frame->vlan_protocol << 32 | (__u64)counter << 48 |
		       (__u64)frame->is_ethernet << 56;
	return count_talker(&key, link->dev, cpu);
}

/* False: the ring has no room. */
static __always_inline bool record_drop(__u64 location, __u32 reason, const struct movement *movement,
					const struct link *link, const struct frame *frame, struct cpu_state *cpu,
					__u32 cpu_id)
{
	struct drop_record *record = bpf_ringbuf_reserve(&ring, config.record_bytes, 0);
	__u32 header_length = frame->available < config.header_bytes ? frame->available : config.header_bytes;

	if (!record)
		return false;
	record->timestamp_ns = bpf_ktime_get_ns();
	record->location = location;
	record->counter_after = movement->after;
	record->ifindex = link->ifindex;
	record->netns = inode_of(link->net);
	record->reason = reason;
	record->length = frame->length;
	record->cpu = cpu_id;
	record->header_length = header_length;
	record->ether_type = frame->ether_type;
	record->vlan_protocol = frame->vlan_protocol;
	record->vlan_tci = frame->vlan_tci;
	record->counter = movement->counter;
	record->is_ethernet = frame->is_ethernet;
	__builtin_memcpy(record->destination, frame->header, 12);	/* and source */
	__builtin_memset(record->interface, 0, sizeof(record->interface));
	if (link->dev)
		read_name(&record->interface, link->dev);
	if (header_length)
		bpf_probe_read_kernel(record->header, header_length, frame->start);
	submit(record, cpu);
	return true;
}

static __always_inline void look_at(__u64 *ctx, struct cpu_state *cpu, __u32 cpu_id)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u32 reason = ctx[2];
	__u32 place = place_of(ctx[1], cpu);
	struct movement movement = { .counter = NO_COUNTER, .is_armed = state.armed };
	__u32 movable;
	struct frame frame;
	struct link link;
	bool told;

	find_link(skb, cpu, &link);
	if (!link.dev)
		link.net = socket_namespace(skb, ctx);
	movable = movable_counters(place, reason, link.flags);
	if (place == PLACE_FORWARD && !go_to_peer(&link, skb->len, movement.is_armed, cpu_id))
		movable = 0;
	else if (place == PLACE_NETKIT)
		note_netkit_drop(&link, movement.is_armed, cpu_id);
	if (!is_watched(&link))
		return;
	if (link.node) {
		note_drop(&link, place, movable, cpu_id, &movement);
		if (!config.summary)
			raise_level(&link, &movement);
		if (movement.is_armed && (place == PLACE_RX_AFTER || place == PLACE_TX_AFTER))
			note_freed_first(&link, place == PLACE_TX_AFTER, cpu_id);
	}
	if (!movement.is_armed || (movement.counter == NO_COUNTER && !config.all_drops))
		return;

	if (!passes(FILTER_IFINDEX, link.ifindex) || !passes(FILTER_REASON, reason))
		goto filtered;
	parse_frame(skb, has_ethernet_header(&link), cpu, &frame);
	if (!frame_passes(&frame))
		goto filtered;

	/* It is not known whether it moved a counter. */
	if (movement.counter == UNKNOWN_COUNTER && !config.all_drops)
		told = false;
	else if (config.summary)
		told = count_drop(ctx[1], reason, movement.counter, &link, &frame, cpu);
	else
		told = record_drop(ctx[1], reason, &movement, &link, &frame, cpu, cpu_id);
	if (!told)
		cpu->lost++;
	if (movement.counter < COUNTERS)
		enter(&link, cpu_id, movement.counter, told ? ENTRY_TOLD : ENTRY_LOST);
	return;

filtered:
	if (movement.counter < COUNTERS)
		enter(&link, cpu_id, movement.counter, ENTRY_FILTERED);
}

SEC("tp_btf/kfree_skb")
int on_kfree_skb(__u64 *ctx)
{
	__u32 cpu_id = bpf_get_smp_processor_id();
	struct cpu_state *cpu = cpu_state(cpu_id);

	/* It interrupted another drop, which the kernel itself prevents since 6.1. */
	if (cpu->busy) {
		cpu->lost++;
		return 0;
	}
	cpu->busy = 1;
	barrier();
	look_at(ctx, cpu, cpu_id);
	barrier();
	cpu->busy = 0;
	return 0;
}
