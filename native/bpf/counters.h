/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Which link counter a drop has moved, found by what the counters were at the drop before. */

#include "tracer.h"

/*
 * A device has one kernfs node from its registration to its end, in whichever namespace it is. The
 * number of a node is larger than those of all before it, and never used again.
 */
struct device_key {
	__u64 node;
	__u32 cpu;
	__u32 padding;
};

struct counters {
	__u64 value[COUNTERS];
};

/* The counters of a device on a CPU at its last drop there. The loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct counters);
} last_seen SEC(".maps");

static __always_inline void read_counters(__u64 core_stats, __u64 offset, struct counters *out)
{
	__builtin_memset(out, 0, sizeof(*out));
	/* NULL until the device's first drop: netdev_core_stats_alloc(). */
	if (core_stats)
		bpf_probe_read_kernel(out, sizeof(*out), (void *)(core_stats + offset));
}

static __always_inline __u64 sum_counter(__u64 core_stats, __u32 counter)
{
	__u64 sum = 0;

	for (__u32 cpu = 0; cpu < MAX_CPUS && cpu < config.cpu_count; cpu++) {
		__u64 value = 0;

		bpf_probe_read_kernel(&value, sizeof(value),
				      (void *)(core_stats + cpu_state(cpu)->offset + counter * sizeof(value)));
		sum += value;
	}
	return sum;
}

/*
 * Which counter of the device has moved on this CPU since the last drop there. A frame moves one at
 * most; of several, the others moved without a drop of this device, and the first is taken.
 */
static __always_inline __u32 moved_counter(__u64 node, __u64 core_stats, struct cpu_state *cpu, __u32 cpu_id)
{
	struct device_key key = { .node = node, .cpu = cpu_id };
	struct counters now, *last;
	__u32 moved = NO_COUNTER;

	/* Not registered in sysfs: no link, so nobody sees its counters. */
	if (!node)
		return NO_COUNTER;
	read_counters(core_stats, cpu->offset, &now);
	last = bpf_map_lookup_elem(&last_seen, &key);
	if (!last) {
		struct counters zero = {};

		__u64 total = 0;

		for (int i = 0; i < COUNTERS; i++)
			total += now.value[i];
		/*
		 * The map forgets what was not used for longest, where there are too many devices. One
		 * born since the start has counted this drop at most.
		 */
		if (node <= state.newest_node || total > 1) {
			bpf_map_update_elem(&last_seen, &key, &now, BPF_ANY);
			return UNKNOWN_COUNTER;
		}
		bpf_map_update_elem(&last_seen, &key, &zero, BPF_ANY);
		last = bpf_map_lookup_elem(&last_seen, &key);
		if (!last)
			return UNKNOWN_COUNTER;
	}
	for (int i = COUNTERS - 1; i >= 0; i--) {
		if (last->value[i] == now.value[i])
			continue;
		last->value[i] = now.value[i];
		moved = i;
	}
	return moved;
}

/*
 * A frame too long for the peer of a veth or netkit pair moves the peer's counter, but its drop names
 * the sender (____dev_forward_skb). Take note of it, or the peer's next drop would be held to have
 * moved the counter. The private data of such devices begins with the pointer to the peer.
 */
static __always_inline void note_peer(struct net_device *dev, struct cpu_state *cpu, __u32 cpu_id)
{
	const __u32 private_data = (bpf_core_type_size(struct net_device) + 31) & ~31U;	/* NETDEV_ALIGN */
	struct net_device *peer = NULL, *back = NULL;

	bpf_probe_read_kernel(&peer, sizeof(peer), (void *)(untyped(cpu, dev) + private_data));
	if (!peer)
		return;
	bpf_probe_read_kernel(&back, sizeof(back), (void *)peer + private_data);
	if ((__u64)back != untyped(cpu, dev))
		return;
	moved_counter(BPF_CORE_READ(peer, dev.kobj.sd, id), (__u64)BPF_CORE_READ(peer, core_stats), cpu, cpu_id);
}
