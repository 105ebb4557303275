/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* Counting drops by talker, in a table that each CPU that drops has for itself. */

#include "tracer.h"
#include "../kernel/talker_set.h"

/* Indexed by TALKER_SET_INDEX(). The loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct talker_set);
} talker_sets SEC(".maps");

/* Each word by an odd number of its own, so that no product waits for another. */
static __always_inline __u64 hash_of(const struct talker_key *key)
{
	__u64 hash = config.seed;

	hash += key->words[0] * 0x9e3779b97f4a7c15ULL;
	hash += key->words[1] * 0xbf58476d1ce4e5b9ULL;
	hash += key->words[2] * 0x94d049bb133111ebULL;
	hash += key->words[3] * 0xd6e8feb86659fd93ULL;
	hash += key->words[4] * 0xa0761d6478bd642fULL;
	hash = (hash ^ hash >> 32) * 0xe7037ed1a0b428dbULL;
	return hash ^ hash >> 32;
}

static __always_inline bool same_key(const struct talker_key *a, const struct talker_key *b)
{
	__u64 difference = 0;

	for (int i = 0; i < TALKER_KEY_WORDS; i++)
		difference |= a->words[i] ^ b->words[i];
	return !difference;
}

/* CLOCK_MONOTONIC as of the last tick, some milliseconds late, for the clock takes its time. */
static __always_inline __u64 coarse_time(struct cpu_state *cpu)
{
	__u64 tick = bpf_jiffies64();

	if (cpu->tick != tick) {
		cpu->tick = tick;
		cpu->tick_ns = bpf_ktime_get_ns();
	}
	return cpu->tick_ns;
}

static __always_inline void count_in(struct talker_set *set, const struct talker_key *key, __u32 tag,
				     __u64 dev, __u64 now)
{
	for (int i = 0; i < TALKER_WAYS; i++) {
		struct talker *talker = &set->talkers[i];
		__u32 *slot = &set->tags[i];

		/* Or it becomes the end of tags less a rest, which verifiers from 7.2 on do not follow. */
		barrier_var(slot);
		if (*slot == tag && same_key(&talker->key, key)) {
			talker->count++;
			talker->last_ns = now;
			return;
		}
		if (*slot)
			continue;
		*slot = tag;
		talker->key = *key;
		talker->count = 1;
		talker->first_ns = now;
		talker->last_ns = now;
		if (dev)
			read_name(&talker->interface, dev);
		else
			__builtin_memset(talker->interface, 0, sizeof(talker->interface));
		return;
	}
	set->overflow++;
}

/* The slot of this CPU in the tables. False: there is room for fewer CPUs. */
static __always_inline bool find_slot(struct cpu_state *cpu, __u32 *slot)
{
	if (!cpu->talker_slot) {
		__u32 taken;

		if (state.slots_taken >= config.talker_slots)
			return false;
		taken = __sync_fetch_and_add(&state.slots_taken, 1);
		if (taken >= config.talker_slots)
			return false;
		cpu->talker_slot = taken + 1;
	}
	*slot = cpu->talker_slot - 1;
	return true;
}

static __always_inline bool count_talker(const struct talker_key *key, __u64 dev, struct cpu_state *cpu)
{
	__u64 hash = hash_of(key);
	struct talker_set *set;
	__u32 index, slot;

	if (!find_slot(cpu, &slot))
		return false;
	index = TALKER_SET_INDEX(cpu->table, slot, config.talker_slots, hash & (TALKER_SETS - 1));
	set = bpf_map_lookup_elem(&talker_sets, &index);
	if (set)
		count_in(set, key, (__u32)(hash >> 32) | 1, dev, coarse_time(cpu));
	return set;
}

/*
 * Lets a CPU go on in the other table; to be run there. 1: it may be at work on this one, which an
 * interrupt lets this program see; then it is to be run again.
 */
SEC("raw_tp/kfree_skb")
int swap_tables(__u64 *ctx)
{
	struct cpu_state *cpu = cpu_state(ctx[0]);

	if (cpu->busy)
		return 1;
	cpu->table = 1 - cpu->table;
	return 0;
}
