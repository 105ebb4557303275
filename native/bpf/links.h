/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Devices as drops name them, and their counters as the kernel has them. */

#include "tracer.h"

/* A device as a drop needs it, in numbers: to the verifier they are all alike. */
struct link {
	__u64 dev;
	__u64 node;		/* 0: not registered in sysfs: no link, so nobody sees its counters */
	__u64 core_stats;	/* 0 until the device's first drop: netdev_core_stats_alloc() */
	__u64 net;
	__u32 ifindex;
	__u32 flags;		/* IFF_UP ... */
	__u16 type;
};

static __always_inline bool is_home(const struct link *link)
{
	return link->net == state.home;
}

static __always_inline bool is_watched(const struct link *link)
{
	return config.all_namespaces || is_home(link);
}

static __always_inline __u32 inode_of(__u64 net)
{
	if (net == state.home)
		return state.home_inode;
	return net ? BPF_CORE_READ((struct net *)net, ns.inum) : 0;
}

static __always_inline void read_counters(__u64 core_stats, __u64 offset, __u64 (*out)[COUNTERS])
{
	__builtin_memset(out, 0, sizeof(*out));
	if (core_stats)
		read_words(*out, COUNTERS, core_stats + offset);
}

struct sum_walk {
	__u64 core_stats;
	__u64 sums[COUNTERS];
};

static long add_cpu(__u32 cpu, struct sum_walk *walk)
{
	__u64 values[COUNTERS];

	read_counters(walk->core_stats, cpu_state(cpu)->offset, &values);
	for (int i = 0; i < COUNTERS; i++)
		walk->sums[i] += values[i];
	return 0;
}
