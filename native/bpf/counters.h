/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Which link counter a drop has moved: one that its place can move, and that moved on this CPU. */

#include "devices.h"
#include "places.h"

/*
 * What a drop did to the counters of its device. The next functions are global ones, which the verifier
 * looks at by themselves and once: in line, they would be too much for it.
 */
struct movement {
	__u64 by[COUNTERS];	/* by how much each has risen since the last drop on this CPU */
	__u64 after;		/* value of the counter on the link, but for the driver's part */
	__u32 counter;		/* enum drop_counter */
	__u32 is_armed;		/* state.armed, read once for each drop */
	__u32 forgotten;	/* 1: what the device had counted before is not known; then `by` is all of it */
};

/* Each CPU raises the counters of a link by what it sees: so no two drops have the same value. */
__noinline int raise_level(const struct link *link, struct movement *movement)
{
	struct sum_walk walk = {};
	struct link_level *level;

	if (!link || !movement)
		return 0;
	level = find_level(link->node);
	if (!level)
		return 0;
	if (movement->forgotten) {
		/* A drop on another CPU at the same instant may be counted twice in this. */
		walk.core_stats = link->core_stats;
		bpf_loop(config.cpu_count, add_cpu, &walk, 0);
		for (int i = 0; i < COUNTERS; i++) {
			level->value[i] = walk.sums[i];
			if (i == movement->counter)
				movement->after = walk.sums[i];
		}
		return 0;
	}
	for (int i = 0; i < COUNTERS; i++) {
		__u64 by = movement->by[i];
		__u64 after;

		if (!by)
			continue;
		after = __sync_fetch_and_add(&level->value[i], by) + by;
		if (i == movement->counter)
			movement->after = after;
	}
	return 0;
}

/* The counter that the drop has moved, of those that it can have moved (bits). */
static __always_inline __u32 choose_counter(const struct movement *movement, __u32 movable)
{
	/* Where both have moved, it was rx_nohandler: nothing else moves that one. */
	if (movable & BIT(RX_NOHANDLER) && movement->by[RX_NOHANDLER])
		return RX_NOHANDLER;
	for (int i = 0; i < COUNTERS; i++) {
		if (movable & BIT(i) && movement->by[i])
			return i;
	}
	return NO_COUNTER;
}

/* Notes what the counters of the device are now, and finds out which of them this drop has moved. */
__noinline int note_drop(const struct link *link, __u32 place, __u32 movable, __u32 cpu_id,
			 struct movement *movement)
{
	struct device_state *device;
	enum device_history history;
	__u64 total = 0, seen;

	if (!link || !movement)
		return 0;
	read_counters(link->core_stats, cpu_state(cpu_id)->offset, &movement->by);
	device = device_state(link, cpu_id, &history);
	if (!device)
		return 0;
	movement->forgotten = history == DEVICE_FORGOTTEN;
	for (int i = 0; i < COUNTERS; i++) {
		__u64 now = movement->by[i];

		total += now;
		if (!movement->forgotten)
			movement->by[i] = now - device->value[i];
		device->value[i] = now;
	}
	see(device, link);
	/* Frames that were freed first have moved it before. */
	if (place == PLACE_QUEUE && movement->by[TX_DROPPED] <= device->tx_pending)
		movable = 0;
	movement->counter = choose_counter(movement, movable);
	seen = movement->by[TX_DROPPED] - (movement->counter == TX_DROPPED);
	device->tx_pending -= seen < device->tx_pending ? seen : device->tx_pending;
	if (!movement->is_armed)
		__builtin_memcpy(device->start, device->value, sizeof(device->start));
	if (movement->forgotten && movement->counter < COUNTERS) {
		/* The counters had values before: where two can have moved, or none, it is not known which did. */
		if (total > 1 && (place == PLACE_QUEUE || movement->counter == RX_NOHANDLER))
			movement->counter = UNKNOWN_COUNTER;
		else
			device->start[movement->counter & 3]--;
	}
	return 0;
}

enum entry { ENTRY_TOLD, ENTRY_FILTERED, ENTRY_LOST };

/* Enters in the account of a device what became of the drop that note_drop() has just noted. */
static __always_inline void enter(const struct link *link, __u32 cpu_id, __u32 counter, enum entry entry)
{
	__u32 place = recent_place(link->node, cpu_id);
	struct recent_device *recent = bpf_map_lookup_elem(&recent_devices, &place);

	if (!recent || recent->node != link->node)
		return;
	/* The compiler knows that it is less than COUNTERS, and the verifier does not. */
	barrier_var(counter);
	counter &= COUNTERS - 1;
	if (entry == ENTRY_TOLD)
		recent->state.told[counter]++;
	else if (entry == ENTRY_FILTERED)
		recent->state.filtered[counter]++;
	else
		recent->state.lost[counter]++;
}

/* The kernel frees the frame here and counts it after. */
__noinline int note_freed_first(const struct link *link, __u32 is_tx, __u32 cpu_id)
{
	struct device_state *device;
	enum device_history history;

	if (!link)
		return 0;
	device = device_state(link, cpu_id, &history);
	if (!device)
		return 0;
	device->freed_first[is_tx & 1]++;
	device->tx_pending += is_tx & 1;
	see(device, link);
	return 0;
}
