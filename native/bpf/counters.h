/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Which link counter a drop has moved, found by what the counters were at the drop before. */

#include "tracer.h"

/* The devices that dropped, on each CPU. The loader sets max_entries, also of the next. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct device_state);
} devices SEC(".maps");

/*
 * Those of each CPU that dropped last: RECENT_DEVICES places, each for devices of its own. What is here
 * is newer than what `devices` has. To find it there takes a fifth of what counting a drop by talker does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECENT_DEVICES);
	__type(key, __u32);
	__type(value, struct recent_device);
} recent_devices SEC(".maps");

/* A device as a drop needs it, in numbers: to the verifier they are all alike. */
struct link {
	__u64 dev;
	__u64 node;		/* 0: not registered in sysfs: no link, so nobody sees its counters */
	__u64 core_stats;	/* 0 until the device's first drop: netdev_core_stats_alloc() */
	__u64 net;
	__u32 ifindex;
	__u16 type;
};

static __always_inline void read_counters(__u64 core_stats, __u64 offset, __u64 (*out)[COUNTERS])
{
	__builtin_memset(out, 0, sizeof(*out));
	if (core_stats)
		read_words(*out, COUNTERS, core_stats + offset);
}

static __always_inline __u64 sum_counter(__u64 core_stats, __u32 counter)
{
	__u64 sum = 0;

	for (__u32 cpu = 0; cpu < MAX_CPUS && cpu < config.cpu_count; cpu++) {
		__u64 value = 0;

		read_words(&value, 1, core_stats + cpu_state(cpu)->offset + counter * sizeof(value));
		sum += value;
	}
	return sum;
}

/* Makes room in the place of a device that dropped last. */
static __always_inline void put_back(struct recent_device *recent, __u32 cpu_id)
{
	struct device_key key = { .node = recent->node, .cpu = cpu_id };
	struct device_state *device;

	if (!recent->node)
		return;
	device = bpf_map_lookup_elem(&devices, &key);
	if (device)
		*device = recent->state;
	else	/* It was forgotten there. */
		bpf_map_update_elem(&devices, &key, &recent->state, BPF_ANY);
}

/*
 * The state of a device whose counters are `now` what they are. *forgotten: it is as if it had not
 * dropped before, and it did.
 */
static __always_inline struct device_state *device_state(__u64 node, __u32 cpu_id, const __u64 (*now)[COUNTERS],
							 bool *forgotten)
{
	__u32 place = cpu_id * RECENT_DEVICES + (node * 0x9e3779b97f4a7c15ULL >> 32) % RECENT_DEVICES;
	struct recent_device *recent = bpf_map_lookup_elem(&recent_devices, &place);
	struct device_key key = { .node = node, .cpu = cpu_id };
	struct device_state *device;
	__u64 total = 0;

	if (!recent)
		return NULL;
	if (recent->node == node)
		return &recent->state;
	put_back(recent, cpu_id);
	recent->coming = node;
	barrier();
	device = bpf_map_lookup_elem(&devices, &key);
	if (device) {
		recent->state = *device;
		barrier();
		recent->node = node;
		return &recent->state;
	}
	for (int i = 0; i < COUNTERS; i++)
		total += (*now)[i];
	/*
	 * The map forgets what was not used for longest, where there are too many devices. One born since
	 * the start has counted this drop at most.
	 */
	*forgotten = node <= state.newest_node || total > 1;
	__builtin_memset(&recent->state, 0, sizeof(recent->state));
	if (*forgotten) {
		__builtin_memcpy(recent->state.start, now, sizeof(*now));
		__builtin_memcpy(recent->state.value, now, sizeof(*now));
	}
	barrier();
	recent->node = node;
	return &recent->state;
}

/*
 * Which counter of the device has moved on this CPU since the last drop there. A frame moves one at
 * most; of several, the others moved without a drop of this device, and the first is taken. Gives the
 * device's state where it is known.
 */
static __always_inline __u32 moved_counter(const struct link *link, struct cpu_state *cpu, __u32 cpu_id,
					   struct device_state **found)
{
	struct device_state *device;
	__u32 moved = NO_COUNTER;
	bool forgotten = false;
	__u64 now[COUNTERS];

	*found = NULL;
	if (!link->node)
		return NO_COUNTER;
	read_counters(link->core_stats, cpu->offset, &now);
	device = device_state(link->node, cpu_id, &now, &forgotten);
	if (!device || forgotten)
		return UNKNOWN_COUNTER;
	for (int i = COUNTERS - 1; i >= 0; i--) {
		if (device->value[i] == now[i])
			continue;
		device->value[i] = now[i];
		moved = i;
	}
	*found = device;
	return moved;
}

/* Whether ____dev_forward_skb() refuses a frame of this length: __is_skb_forwardable(). */
static __always_inline bool refuses(struct net_device *dev, __u32 length)
{
	const __u32 iff_up = 1;		/* IFF_UP */
	const __u32 tag = 4;

	return !(BPF_CORE_READ(dev, flags) & iff_up) ||
	       length > BPF_CORE_READ(dev, mtu) + BPF_CORE_READ(dev, hard_header_len) + tag;
}

/*
 * A frame that the peer of a veth or netkit pair refuses moves the peer's counter, but its drop names the
 * sender (____dev_forward_skb): then this makes the peer of the link. What else has moved the peer's
 * counter is taken note of, or the peer's next drop would be held to have done it. The private data of
 * such devices begins with the pointer to the peer.
 */
static __always_inline __u32 moved_by_peer(struct link *link, __u32 length, struct cpu_state *cpu, __u32 cpu_id,
					   struct device_state **found)
{
	const __u32 private_data = (bpf_core_type_size(struct net_device) + 31) & ~31U;	/* NETDEV_ALIGN */
	struct net_device *peer = NULL, *back = NULL;
	struct device_state *device;
	struct link other = {};
	__u32 counter;

	bpf_probe_read_kernel(&peer, sizeof(peer), (void *)(link->dev + private_data));
	if (!peer)
		return NO_COUNTER;
	bpf_probe_read_kernel(&back, sizeof(back), (void *)peer + private_data);
	if ((__u64)back != link->dev)
		return NO_COUNTER;
	other.dev = (__u64)peer;
	other.node = BPF_CORE_READ(peer, dev.kobj.sd, id);
	other.core_stats = (__u64)BPF_CORE_READ(peer, core_stats);
	other.net = (__u64)BPF_CORE_READ(peer, nd_net.net);
	other.ifindex = BPF_CORE_READ(peer, ifindex);
	other.type = BPF_CORE_READ(peer, type);
	counter = moved_counter(&other, cpu, cpu_id, &device);
	if (counter == NO_COUNTER || !refuses(peer, length))
		return NO_COUNTER;
	*link = other;
	*found = device;
	return counter;
}
