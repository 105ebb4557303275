/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Which link counter a drop has moved: one that its place can move, and that moved on this CPU. */

#include "places.h"

/*
 * The devices that dropped, on each CPU. Those that were first seen in a network namespace that is not ours
 * have maps of their own, so that they cannot make the program forget ours. The loader sets max_entries of
 * these maps and of recent_devices.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct device_state);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct device_state);
} foreign_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct link_level);
} levels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct link_level);
} foreign_levels SEC(".maps");

/*
 * Those of each CPU that dropped last: RECENT_DEVICES places, each for devices of its own. What is here
 * is newer than what the maps have. To find it there takes a fifth of what counting a drop by talker does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECENT_DEVICES);
	__type(key, __u32);
	__type(value, struct recent_device);
} recent_devices SEC(".maps");

static const struct device_state NO_STATE;
static const struct link_level NO_LEVEL;

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

static __always_inline struct device_state *find_device(const struct device_key *key, bool *in_foreign)
{
	struct device_state *device = bpf_map_lookup_elem(&devices, key);

	*in_foreign = false;
	if (device || !config.all_namespaces)
		return device;
	*in_foreign = true;
	return bpf_map_lookup_elem(&foreign_devices, key);
}

static __always_inline long add_device(const struct device_key *key, const struct device_state *device,
				       bool in_foreign, __u64 flags)
{
	if (in_foreign)
		return bpf_map_update_elem(&foreign_devices, key, device, flags);
	return bpf_map_update_elem(&devices, key, device, flags);
}

/* Makes room in the place of a device that dropped last. */
static __always_inline void put_back(struct recent_device *recent, __u32 cpu_id)
{
	struct device_key key = { .node = recent->node, .cpu = cpu_id };

	if (recent->node)
		add_device(&key, &recent->state, recent->in_foreign, BPF_ANY);
}

static __always_inline __u32 recent_place(__u64 node, __u32 cpu_id)
{
	return cpu_id * RECENT_DEVICES + (node * 0x9e3779b97f4a7c15ULL >> 32) % RECENT_DEVICES;
}

/* Notes where the device is now. */
static __always_inline void see(struct device_state *device, const struct link *link)
{
	device->ifindex = link->ifindex;
	device->netns = inode_of(link->net);
	device->seen = bpf_jiffies64();
}

enum device_history {
	DEVICE_KNOWN,
	DEVICE_BEGINS,		/* with zeros */
	DEVICE_FORGOTTEN,	/* what it had counted before is not known */
};

static __always_inline struct link_level *find_level(__u64 node)
{
	struct link_level *level = bpf_map_lookup_elem(&levels, &node);

	if (level || !config.all_namespaces)
		return level;
	return bpf_map_lookup_elem(&foreign_levels, &node);
}

static __always_inline long add_level(__u64 node, bool in_foreign)
{
	if (in_foreign)
		return bpf_map_update_elem(&foreign_levels, &node, &NO_LEVEL, BPF_NOEXIST);
	return bpf_map_update_elem(&levels, &node, &NO_LEVEL, BPF_NOEXIST);
}

/* Notes that this CPU has a state of the device from now on. Returns what was known of the device there. */
static __always_inline enum device_history mark_known_on(__u64 node, __u32 cpu_id, bool in_foreign)
{
	__u64 bit = 1ULL << (cpu_id & 63);
	struct link_level *level = find_level(node);
	bool is_known = level;

	if (!level) {
		add_level(node, in_foreign);
		level = find_level(node);
		if (!level)
			return DEVICE_FORGOTTEN;
	}
	/* It was there before the start, and prime_devices has not met it. No CPU knows what it had. */
	if (!is_known && state.armed && node <= state.newest_node) {
		for (int i = 0; i < 4; i++)
			level->known_on[i] = ~0ULL;
		return DEVICE_FORGOTTEN;
	}
	if (__sync_fetch_and_or(&level->known_on[cpu_id / 64 % 4], bit) & bit)
		return DEVICE_FORGOTTEN;
	return DEVICE_BEGINS;
}

/*
 * The state of a device on this CPU. It begins with zeros; or, where what the device had counted before is
 * not known, with what it has now.
 */
static __noinline struct device_state *device_state(const struct link *link, __u32 cpu_id,
						    enum device_history *history)
{
	__u64 node = link->node;
	__u32 place = recent_place(node, cpu_id);
	struct recent_device *recent = bpf_map_lookup_elem(&recent_devices, &place);
	struct device_key key = { .node = node, .cpu = cpu_id };
	struct device_state *device;
	bool in_foreign;

	*history = DEVICE_KNOWN;
	if (!recent)
		return NULL;
	if (recent->node == node)
		return &recent->state;
	put_back(recent, cpu_id);
	recent->coming = node;
	barrier();
	device = find_device(&key, &in_foreign);
	if (!device) {
		in_foreign = !is_home(link);
		/* prime_devices may be about to add it, too: the first one is right. */
		if (add_device(&key, &NO_STATE, in_foreign, BPF_NOEXIST) == 0)
			*history = mark_known_on(node, cpu_id, in_foreign);
		device = find_device(&key, &in_foreign);
	}
	recent->state = device ? *device : NO_STATE;
	recent->in_foreign = in_foreign;
	if (*history == DEVICE_FORGOTTEN) {
		read_counters(link->core_stats, cpu_state(cpu_id)->offset, &recent->state.value);
		__builtin_memcpy(recent->state.start, recent->state.value, sizeof(recent->state.start));
	}
	barrier();
	recent->node = node;
	return &recent->state;
}

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
