/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Drops that name one end of a veth or netkit pair, while the other end counts. */

#include "counters.h"

/* Whether ____dev_forward_skb() refuses a frame of this length: __is_skb_forwardable(). */
static __always_inline bool refuses(const struct link *link, __u32 length)
{
	const __u32 iff_up = 1;		/* IFF_UP */
	const __u32 tag = 4;
	struct net_device *dev = (void *)link->dev;

	return !(link->flags & iff_up) ||
	       length > BPF_CORE_READ(dev, mtu) + BPF_CORE_READ(dev, hard_header_len) + tag;
}

/* The other end of a veth or netkit pair: the private data of such a device begins with the pointer to it. */
static __noinline bool find_peer(const struct link *link, struct link *other)
{
	const __u32 private_data = (bpf_core_type_size(struct net_device) + 31) & ~31U;	/* NETDEV_ALIGN */
	struct net_device *peer = NULL, *back = NULL;

	bpf_probe_read_kernel(&peer, sizeof(peer), (void *)(link->dev + private_data));
	if (!peer)
		return false;
	bpf_probe_read_kernel(&back, sizeof(back), (void *)peer + private_data);
	/* The private data of a macvlan begins with the pointer to itself. */
	if ((__u64)back != link->dev || (__u64)peer == link->dev)
		return false;
	other->dev = (__u64)peer;
	other->node = BPF_CORE_READ(peer, dev.kobj.sd, id);
	other->core_stats = (__u64)BPF_CORE_READ(peer, core_stats);
	other->net = (__u64)BPF_CORE_READ(peer, nd_net.net);
	other->ifindex = BPF_CORE_READ(peer, ifindex);
	other->flags = BPF_CORE_READ(peer, flags);
	other->type = BPF_CORE_READ(peer, type);
	return true;
}

/* The other end of the pair refuses the frame, and counts it. */
__noinline int note_refused_by_peer(const struct link *link, __u32 cpu_id)
{
	struct device_state *device;
	enum device_history history;

	if (!link)
		return 0;
	device = device_state(link, cpu_id, &history);
	if (!device)
		return 0;
	device->refused_by_peer++;
	see(device, link);
	return 0;
}

/*
 * A frame that the other end of a pair refuses moves the counter of that end, but its drop names the
 * sender (____dev_forward_skb): then this makes the other end the link. False: no such frame.
 */
static __always_inline bool go_to_peer(struct link *link, __u32 length, bool is_armed, __u32 cpu_id)
{
	struct link other = {};

	if (!link->node || !find_peer(link, &other) || !refuses(&other, length))
		return false;
	if (is_watched(link) && is_armed)
		note_refused_by_peer(link, cpu_id);
	*link = other;
	return true;
}

/* The sender counts. The drop names the receiver, if that was up; else it names the sender. */
static __always_inline void note_netkit_drop(const struct link *link, bool is_armed, __u32 cpu_id)
{
	const __u32 iff_up = 1;		/* IFF_UP */
	struct link other = {};

	if (!link->node || !find_peer(link, &other))
		return;
	if (!(other.flags & iff_up))
		other = *link;
	if (is_watched(&other) && is_armed)
		note_freed_first(&other, true, cpu_id);
}
