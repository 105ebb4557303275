#pragma once

/* The tables in which drop_tracer.bpf.c counts by talker, for user space to read. C, and C++. */

#include <linux/types.h>

#define TALKER_WAYS 16		/* talkers in a set */
#define TALKER_SETS 256		/* of one CPU in one table: 4096 talkers */
#define TALKER_TABLES 2		/* one is written while the other is read */

#define TALKER_KEY_WORDS 5

/* What drops have in common that are counted together: no padding. */
struct talker_key {
	union {
		__u64 words[TALKER_KEY_WORDS];
		struct {
			__u64 location;
			__u8 destination[6];
			__u8 source[6];
			__u16 ether_type;
			__u16 vlan_tci;
			__u32 ifindex;
			__u32 reason;
			__u32 netns;
			__u16 vlan_protocol;
			__u8 counter;		/* enum drop_counter */
			__u8 is_ethernet;
		};
	};
};

struct talker {
	struct talker_key key;
	__u64 count;
	__u64 first_ns;		/* CLOCK_MONOTONIC, and so is the next */
	__u64 last_ns;
	char interface[16];	/* at its first drop */
};

/* A talker has a place in one set only, and keeps it until the table is emptied. */
struct talker_set {
	__u32 tags[TALKER_WAYS];	/* of the talkers' hashes; 0: this place and those behind it are free */
	__u64 overflow;			/* drops of talkers for whom there was no place */
	__u64 padding[7];
	struct talker talkers[TALKER_WAYS];
};

/* Where a set lies in the map. */
#define TALKER_SET_INDEX(table, slot, slots, set) (((table) * (slots) + (slot)) * TALKER_SETS + (set))
