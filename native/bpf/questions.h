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

/* A way over the devices of one namespace after the other. */
struct prime_walk {
	struct net *net;
	void *node;
	__u32 cpu;
	bool disturbed;
};

static long prime_device(__u32 index, struct prime_walk *walk)
{
	struct net *net = walk->net;
	void *head = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	struct list_head *node = walk->node;
	struct device_key key = { .cpu = walk->cpu };
	struct device_state device = {};
	struct net_device *dev;

	node = BPF_CORE_READ(node, next);
	if (node == head)
		return 1;
	walk->node = node;
	dev = (void *)node - bpf_core_field_offset(struct net_device, dev_list);
	if (BPF_CORE_READ(dev, nd_net.net) != net) {
		/* It was moved just now, and the way led into another list. */
		walk->disturbed = true;
		return 1;
	}
	key.node = BPF_CORE_READ(dev, dev.kobj.sd, id);
	read_counters((__u64)BPF_CORE_READ(dev, core_stats), cpu_state(walk->cpu)->offset, &device.start);
	__builtin_memcpy(device.value, device.start, sizeof(device.value));
	device.ifindex = BPF_CORE_READ(dev, ifindex);
	device.netns = BPF_CORE_READ(net, ns.inum);
	bpf_map_update_elem(&devices, &key, &device, BPF_ANY);
	/* On the first CPU only: who is born while the others are looked at starts there from 0. */
	if (walk->cpu == 0 && key.node > state.newest_node)
		state.newest_node = key.node;
	return 0;
}

static long prime_namespace(__u32 index, struct prime_walk *walk)
{
	struct net *net = walk->net;
	struct list_head *next = BPF_CORE_READ(net, list.next);

	if (!next) {
		/* The namespace ends just now. */
		walk->disturbed = true;
		return 1;
	}
	walk->node = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	/* The list's head, net_namespace_list, is no namespace. */
	if ((__u64)BPF_CORE_READ(net, ns.ops) == state.namespace_ops)
		bpf_loop(1 << 20, prime_device, walk, 0);
	walk->net = (void *)next - bpf_core_field_offset(struct net, list);
	return walk->disturbed || (__u64)walk->net == state.home;
}

/*
 * Notes what every device of every namespace has on one CPU; to be run there. Other CPUs run it with
 * interrupts off. On the caller's own an interrupt may drop frames meanwhile, which leaves the notes
 * wrong: then it returns 1 and is to be run again.
 */
SEC("raw_tp/kfree_skb")
int prime_cpu(__u64 *ctx)
{
	__u32 cpu_id = ctx[0];
	volatile struct cpu_state *cpu = cpu_state(cpu_id);
	struct prime_walk walk = { .net = (void *)state.home, .cpu = cpu_id };
	__u64 early = cpu->early;

	bpf_loop(1 << 20, prime_namespace, &walk, 0);
	if (cpu->early != early || walk.disturbed)
		return 1;
	cpu->primed = 1;
	if (cpu->early == early)
		return 0;
	cpu->primed = 0;
	return 1;
}

struct index_walk {
	void *node;
	__u32 ifindex;
};

static long sum_if_found(__u32 index, struct index_walk *walk)
{
	struct hlist_node *node = walk->node;
	struct net_device *dev;
	__u64 core_stats;

	if (!node)
		return 1;
	dev = (void *)node - bpf_core_field_offset(struct net_device, index_hlist);
	walk->node = BPF_CORE_READ(node, next);
	if (BPF_CORE_READ(dev, ifindex) != walk->ifindex)
		return 0;
	core_stats = (__u64)BPF_CORE_READ(dev, core_stats);
	for (__u32 counter = 0; counter < COUNTERS; counter++)
		state.sums[counter] = core_stats ? sum_counter(core_stats, counter) : 0;
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
