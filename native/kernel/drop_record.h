#pragma once

/* What drop_tracer.bpf.c and its user-space side share. C, and C++. */

#include <linux/types.h>

/* A link counter, as an index into struct net_device_core_stats. */
enum drop_counter {
	RX_DROPPED,
	TX_DROPPED,
	RX_NOHANDLER,
	RX_OTHERHOST_DROPPED,
	COUNTERS,
	NO_COUNTER = COUNTERS,	/* none moved */
	UNKNOWN_COUNTER,	/* it cannot be told whether one moved */
};

/*
 * One drop, as it lies in the ring and in the batches that JavaScript reads: lib/drops/drop-record.ts
 * knows these offsets. Integers in host byte order.
 */
struct drop_record {
	__u64 timestamp_ns;	/* CLOCK_MONOTONIC */
	__u64 location;		/* address of the code that dropped it */
	__u64 counter_after;	/* value of `counter` on the link, this drop included */
	__u32 ifindex;		/* 0: no device */
	__u32 netns;		/* inode number */
	__u32 reason;		/* enum skb_drop_reason */
	__u32 length;		/* bytes from the MAC header on, a stripped tag counted */
	__u16 cpu;
	__u16 header_length;	/* bytes of `header` that are valid */
	__u16 ether_type;	/* behind VLAN tags; skb->protocol without Ethernet header */
	__u16 vlan_protocol;	/* TPID of the outer tag; 0: no tag */
	__u16 vlan_tci;		/* of the outer tag */
	__u8 counter;		/* enum drop_counter */
	__u8 is_ethernet;	/* 1: destination and source are valid */
	__u8 destination[6];
	__u8 source[6];
	char interface[16];	/* IFNAMSIZ, NUL-terminated */
	__u8 header[];		/* the frame from the MAC header on */
};

/* A filter passes a drop whose value is in the set; kinds without values are not looked at. */
enum filter_kind { FILTER_IFINDEX, FILTER_SOURCE, FILTER_DESTINATION, FILTER_ETHER_TYPE, FILTER_REASON,
		   FILTER_KINDS };

struct filter_key {
	__u32 kind;		/* enum filter_kind */
	__u32 padding;
	__u64 value;		/* a MAC address: its bytes, first one lowest */
};

/* Set before the program is loaded; constant afterwards. */
struct tracer_config {
	__u32 all_drops;	/* 0: only drops that moved a counter */
	__u32 header_bytes;	/* at most MAX_HEADER_BYTES */
	__u32 record_bytes;	/* sizeof(struct drop_record) + header_bytes, a multiple of 8 */
	__u32 cpu_count;	/* possible CPUs, at most MAX_CPUS */
	__u32 talker_slots;	/* CPUs that have room for tables of talkers */
	__u32 all_namespaces;	/* 0: only drops of the home namespace */
	__u32 summary;		/* 1: drops are counted by talker instead of told in records */
	__u32 seed;		/* of the talkers' hashes */
	__u32 filter_counts[FILTER_KINDS];	/* of values; 0: the filter passes all */
	__u64 filter_values[FILTER_KINDS];	/* the value, where it is one: to look it up would take its time */
};

#define MAX_CPUS 1024
#define MAX_FILTERS 4096
#define MAX_HEADER_BYTES 256

/*
 * What is known of a device on one CPU: its counters there at its last drop, and what became of the
 * drops that moved them.
 */
struct device_state {
	__u64 start[COUNTERS];		/* what they were when drops began to count */
	__u64 value[COUNTERS];
	__u64 told[COUNTERS];		/* in a record, or in a table of talkers */
	__u64 filtered[COUNTERS];	/* not asked for */
	__u64 lost[COUNTERS];		/* no room in the ring */
	__u64 freed_first[2];		/* frames freed before rx_dropped or tx_dropped counted them */
	__u64 refused_by_peer;		/* frames that the other end of the pair refused */
	__u32 tx_pending;		/* frames freed first whose increment of tx_dropped was not seen yet */
	__u32 ifindex;
	__u32 netns;			/* inode number */
	__u32 seen;			/* the lower half of jiffies at the last drop */
};

/*
 * A device has one kernfs node from its registration to its end, in whichever network namespace it is.
 * The number of a node is larger than those of all before it, and never used again.
 */
struct device_key {
	__u64 node;
	__u32 cpu;
	__u32 padding;
};

/*
 * What is known of a link over all CPUs. A CPU raises the value of a counter by what the counter has risen
 * there since its own last drop.
 */
struct link_level {
	__u64 value[COUNTERS];
	__u64 known_on[4];		/* a bit for each CPU, modulo 256: it has had a state of the device */
};

#define RECENT_DEVICES 4

/* A reader that reads it from its start to its end has the state of `node` where `coming` is the same. */
struct recent_device {
	__u64 node;		/* written last; 0: none */
	struct device_state state;
	__u64 in_foreign;	/* 1: its place is in foreign_devices */
	__u64 coming;		/* written first */
};

/* What one CPU writes; a cache line of its own. */
struct cpu_state {
	__u64 offset;		/* __per_cpu_offset of this CPU */
	__u64 scratch;		/* of untyped() and submit() */
	__u64 lost;		/* drops that were to be told: no room in the ring, or UNKNOWN_COUNTER */
	__u64 tick;		/* jiffies, and the time then: coarse_time() */
	__u64 tick_ns;
	__u64 last_location;	/* of a drop, and the place there: place_of() */
	__u32 last_place;
	__u32 table;		/* of talkers: the one that it writes */
	__u32 busy;		/* 1: it is looking at a drop just now */
	__u32 talker_slot;	/* its slot in the tables of talkers, plus one; 0: it has none yet */
};

/* What the program and its reader write while it runs. */
struct tracer_state {
	__u64 home;		/* address of our struct net */
	__u64 namespace_ops;	/* what every struct net has in ns.ops, and nothing else */
	__u64 newest_node;	/* of the devices of all namespaces there were at the start: struct device_key */
	__u32 reader_idle;	/* 1: the next record shall wake the reader */
	__u32 armed;		/* 1: drops count; 0: only the counters that they leave are noted */
	__u64 sums[COUNTERS];	/* sum_counters: the kernel's part of each counter, over all CPUs */
	__u32 found;		/* sum_counters: the device exists */
	__u32 home_inode;	/* its number: what /proc/self/ns/net links to */
	__u32 primed_namespaces;	/* how far prime_devices has come: namespaces, and devices of the next */
	__u32 primed_devices;
	__u32 primed_new;	/* devices that were not known before */
	__u32 slots_taken;	/* of the tables of talkers */
	__u32 padding[10];
	struct cpu_state cpus[MAX_CPUS];
};

/* prime_devices looks at so many devices at most: nothing else runs on its CPU meanwhile. */
#define PRIME_DEVICES 64

/* What prime_devices returns. */
enum prime_result { PRIME_MORE, PRIME_DONE, PRIME_DISTURBED };

#ifdef __cplusplus
#define CHECK_LAYOUT(condition, because) static_assert(condition, because)
#else
#define CHECK_LAYOUT(condition, because) _Static_assert(condition, because)
#endif

CHECK_LAYOUT(sizeof(struct drop_record) == 80, "a multiple of 8: records lie end to end");
CHECK_LAYOUT(__builtin_offsetof(struct drop_record, cpu) == 40, "as lib/drops/drop-record.ts has it");
CHECK_LAYOUT(__builtin_offsetof(struct drop_record, interface) == 64, "as lib/drops/drop-record.ts has it");
CHECK_LAYOUT(sizeof(struct cpu_state) == 64, "one cache line");
CHECK_LAYOUT(__builtin_offsetof(struct tracer_state, cpus) % 64 == 0, "one cache line each");
