/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What the reader asks: programs that it runs by BPF_PROG_RUN and that are attached to nothing. */

#include "counters.h"

/* Its value pointer less its __percpu pointer is a CPU's __per_cpu_offset. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} offset_probe SEC(".maps");

static long learn_offset(__u32 cpu_id, __u64 *base)
{
	struct cpu_state *cpu = cpu_state(cpu_id);
	__u32 zero = 0;
	void *value = bpf_map_lookup_percpu_elem(&offset_probe, &zero, cpu_id);

	if (value)
		cpu->offset = untyped(cpu, value) - *base;
	return 0;
}

/* Before the start: whose drops these are, and where each CPU has its counters. */
SEC("raw_tp/kfree_skb")
int find_home(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);
	__u64 base = 0;

	state.home = (__u64)net;
	state.home_inode = BPF_CORE_READ(net, ns.inum);
	state.namespace_ops = (__u64)BPF_CORE_READ(net, ns.ops);
	bpf_probe_read_kernel(&base, sizeof(base),
			      (void *)untyped(cpu_state(0), &offset_probe) +
				      bpf_core_field_offset(struct bpf_array, pptrs));
	bpf_loop(config.cpu_count, learn_offset, &base, 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct device_state);
} prime_buffer SEC(".maps");

/* The position of prime_devices in the lists of network namespaces and of their devices. */
struct prime_walk {
	struct net *net;
	void *node;
	struct net_device *dev;
	__u32 namespaces;	/* that were left */
	__u32 devices;		/* of this one that were passed */
	__u32 skip;		/* devices that an earlier run has looked at */
	__u32 room;		/* devices that this run may still look at */
	__u32 result;		/* enum prime_result */
};

/* Notes what a device has on one CPU, and adds it to the counters of the link. */
static long prime_device_on(__u32 cpu, struct prime_walk *walk)
{
	struct net_device *dev = walk->dev;
	struct net *net = walk->net;
	struct device_key key = { .node = BPF_CORE_READ(dev, dev.kobj.sd, id), .cpu = cpu };
	__u32 zero = 0;
	struct device_state *device = bpf_map_lookup_elem(&prime_buffer, &zero);
	struct link_level *level;
	bool in_foreign = (__u64)net != state.home;
	__u64 total = 0;

	if (!device || !key.node)
		return 0;
	__builtin_memset(device, 0, sizeof(*device));
	read_counters((__u64)BPF_CORE_READ(dev, core_stats), cpu_state(cpu)->offset, &device->start);
	for (int i = 0; i < COUNTERS; i++) {
		device->value[i] = device->start[i];
		total += device->start[i];
	}
	if (!total)
		return 0;
	device->ifindex = BPF_CORE_READ(dev, ifindex);
	device->netns = BPF_CORE_READ(net, ns.inum);
	/* A drop on that CPU may have noted it already. */
	if (add_device(&key, device, in_foreign, BPF_NOEXIST))
		return 0;
	mark_known_on(key.node, cpu, in_foreign);
	level = find_level(key.node);
	for (int i = 0; i < COUNTERS && level; i++)
		__sync_fetch_and_add(&level->value[i], device->start[i]);
	return 0;
}

static long prime_device(__u32 index, struct prime_walk *walk)
{
	struct net *net = walk->net;
	void *head = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	struct list_head *node = walk->node;
	bool in_foreign = (__u64)net != state.home;
	struct net_device *dev;
	__u64 sysfs_node;

	node = BPF_CORE_READ(node, next);
	if (node == head)
		return 1;
	dev = (void *)node - bpf_core_field_offset(struct net_device, dev_list);
	if (BPF_CORE_READ(dev, nd_net.net) != net) {
		/* It was moved just now, and the way led into another list. */
		walk->result = PRIME_DISTURBED;
		return 1;
	}
	if (walk->devices >= walk->skip) {
		if (!walk->room)
			return 1;
		walk->room--;
		sysfs_node = BPF_CORE_READ(dev, dev.kobj.sd, id);
		if (sysfs_node > state.newest_node)
			state.newest_node = sysfs_node;
		if (sysfs_node && (!in_foreign || config.all_namespaces)) {
			if (add_level(sysfs_node, in_foreign) == 0)
				state.primed_new++;
			walk->dev = dev;
			if (BPF_CORE_READ(dev, core_stats))
				bpf_loop(config.cpu_count, prime_device_on, walk, 0);
		}
	}
	walk->node = node;
	walk->devices++;
	return 0;
}

static long prime_namespace(__u32 index, struct prime_walk *walk)
{
	struct net *net = walk->net;
	struct list_head *next = BPF_CORE_READ(net, list.next);

	if (!next) {
		/* The namespace ends just now. */
		walk->result = PRIME_DISTURBED;
		return 1;
	}
	/* The list's head, net_namespace_list, is no namespace. */
	if (walk->namespaces >= state.primed_namespaces &&
	    (__u64)BPF_CORE_READ(net, ns.ops) == state.namespace_ops) {
		walk->skip = walk->namespaces == state.primed_namespaces ? state.primed_devices : 0;
		walk->devices = 0;
		walk->node = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
		bpf_loop(1 << 20, prime_device, walk, 0);
		if (walk->result == PRIME_DISTURBED || !walk->room)
			return 1;
	}
	walk->namespaces++;
	walk->net = (void *)next - bpf_core_field_offset(struct net, list);
	if ((__u64)walk->net != state.home)
		return 0;
	walk->result = PRIME_DONE;
	return 1;
}

/*
 * Notes what the devices have on every CPU, up to PRIME_DEVICES of them a run: to be run until it is done, and
 * then again until no device is new, for it counts the devices that it has passed, and some may have gone. The
 * programs are attached by then: a drop notes what it leaves on its CPU, and what is noted first stands.
 */
SEC("raw_tp/kfree_skb")
int prime_devices(void *ctx)
{
	struct prime_walk walk = { .net = (void *)state.home, .room = PRIME_DEVICES, .result = PRIME_MORE };

	bpf_loop(1 << 20, prime_namespace, &walk, 0);
	if (walk.result == PRIME_DISTURBED)
		return PRIME_DISTURBED;
	state.primed_namespaces = walk.namespaces;
	state.primed_devices = walk.devices;
	return walk.result;
}

struct index_walk {
	void *node;
	__u32 ifindex;
};

static long sum_if_found(__u32 index, struct index_walk *walk)
{
	struct hlist_node *node = walk->node;
	struct sum_walk sum = {};
	struct net_device *dev;

	if (!node)
		return 1;
	dev = (void *)node - bpf_core_field_offset(struct net_device, index_hlist);
	walk->node = BPF_CORE_READ(node, next);
	if (BPF_CORE_READ(dev, ifindex) != walk->ifindex)
		return 0;
	sum.core_stats = (__u64)BPF_CORE_READ(dev, core_stats);
	if (sum.core_stats)
		bpf_loop(config.cpu_count, add_cpu, &sum, 0);
	for (int i = 0; i < COUNTERS; i++)
		state.sums[i] = sum.sums[i];
	state.found = 1;
	return 1;
}

/* The kernel's part of a link's counters, by ifindex in our namespace: __dev_get_by_index(). */
SEC("raw_tp/kfree_skb")
int sum_counters(__u64 *ctx)
{
	struct index_walk walk = { .ifindex = ctx[0] };
	struct net *net = (void *)state.home;
	struct hlist_head *heads = BPF_CORE_READ(net, dev_index_head);
	struct hlist_head *head = (void *)heads + (walk.ifindex & 255) * sizeof(void *);	/* NETDEV_HASHENTRIES */

	walk.node = BPF_CORE_READ(head, first);
	state.found = 0;
	bpf_loop(1 << 16, sum_if_found, &walk, 0);
	return 0;
}
