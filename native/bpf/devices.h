/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What is remembered of the devices that dropped. */

#include "links.h"

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
