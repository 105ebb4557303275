// SPDX-License-Identifier: (MIT OR GPL-2.0)
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "../kernel/drop_record.h"
#include "kernel_types.h"

/* <linux/if_arp.h>, which cannot be included here. */
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct tracer_config config;
struct tracer_state state;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct filter_key);
	__type(value, __u8);
} filters SEC(".maps");

struct device_key {
	__u64 device;
	__u32 cpu;
	__u32 padding;
};

struct counters {
	__u64 value[COUNTERS];
};

/* The counters of a device on a CPU, as they stood at its last drop there. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct device_key);
	__type(value, struct counters);
} last_seen SEC(".maps");

/* Its value pointer less its __percpu pointer is a CPU's __per_cpu_offset. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} offset_probe SEC(".maps");

static __always_inline struct cpu_state *cpu_state(__u32 cpu)
{
	return &state.cpus[cpu & (MAX_CPUS - 1)];
}

/* A pointer that the verifier follows, as a plain number: memory of a map forgets types. */
static __always_inline __u64 number(struct cpu_state *cpu, const void *pointer)
{
	volatile __u64 *scratch = &cpu->scratch;

	*scratch = (__u64)pointer;
	return *scratch;
}

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
 * The start: BPF_PROG_RUN runs the next three; they are never attached.
 */

SEC("raw_tp/kfree_skb")
int find_home(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	state.home = (__u64)BPF_CORE_READ(task, nsproxy, net_ns);
	state.home_inode = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	return 0;
}

struct walk {
	struct net *net;
	void *node;
	__u32 cpu;
	__u32 ifindex;
};

static long prime_device(__u32 index, struct walk *walk)
{
	struct list_head *node = walk->node;
	struct device_key key = { .cpu = walk->cpu };
	struct net_device *dev;
	struct counters now;

	node = BPF_CORE_READ(node, next);
	walk->node = node;
	dev = (void *)node - bpf_core_field_offset(struct net_device, dev_list);
	/* The list's head is no device, and what it would be read as is in no namespace. */
	if (BPF_CORE_READ(dev, nd_net.net) != walk->net)
		return 1;
	key.device = BPF_CORE_READ(dev, dev.kobj.sd, id);
	read_counters((__u64)BPF_CORE_READ(dev, core_stats), cpu_state(walk->cpu)->offset, &now);
	bpf_map_update_elem(&last_seen, &key, &now, BPF_ANY);
	return 0;
}

static long prime_namespace(__u32 index, struct walk *walk)
{
	struct net *net = walk->net;
	struct list_head *next = BPF_CORE_READ(net, list.next);

	walk->node = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	bpf_loop(1 << 20, prime_device, walk, 0);
	walk->net = (void *)next - bpf_core_field_offset(struct net, list);
	return (__u64)walk->net == state.home;
}

/*
 * Notes what every device of every namespace has on one CPU; to be run there. An interrupt may drop
 * frames in between, which leaves the notes wrong: they are taken again.
 */
SEC("raw_tp/kfree_skb")
int prime_cpu(__u64 *ctx)
{
	__u32 cpu_id = ctx[0];
	volatile struct cpu_state *cpu = cpu_state(cpu_id);
	__u32 zero = 0;
	void *value = bpf_map_lookup_percpu_elem(&offset_probe, &zero, cpu_id);
	void *base = NULL;

	if (!value)
		return 1;
	bpf_probe_read_kernel(&base, sizeof(base),
			      (void *)number(cpu_state(cpu_id), &offset_probe) +
				      bpf_core_field_offset(struct bpf_array, pptrs));
	cpu->offset = number(cpu_state(cpu_id), value) - (__u64)base;
	for (int attempt = 0; attempt < 8; attempt++) {
		struct walk walk = { .net = (void *)state.home, .cpu = cpu_id };
		__u64 early = cpu->early;

		bpf_loop(1 << 20, prime_namespace, &walk, 0);
		cpu->primed = 1;
		if (cpu->early == early)
			return 0;
		cpu->primed = 0;
	}
	return 1;
}

static long find_device(__u32 index, struct walk *walk)
{
	struct hlist_node *node = walk->node;
	struct net_device *dev;

	if (!node)
		return 1;
	dev = (void *)node - bpf_core_field_offset(struct net_device, index_hlist);
	walk->node = BPF_CORE_READ(node, next);
	if (BPF_CORE_READ(dev, ifindex) != walk->ifindex)
		return 0;
	__u64 core_stats = (__u64)BPF_CORE_READ(dev, core_stats);

	for (__u32 counter = 0; counter < COUNTERS; counter++)
		state.sums[counter] = core_stats ? sum_counter(core_stats, counter) : 0;
	state.found = 1;
	return 1;
}

/* The kernel's part of a link's counters, by ifindex in our namespace: __dev_get_by_index(). */
SEC("raw_tp/kfree_skb")
int sum_counters(__u64 *ctx)
{
	struct walk walk = { .ifindex = ctx[0] };
	struct net *net = (void *)state.home;
	struct hlist_head *heads = BPF_CORE_READ(net, dev_index_head);
	struct hlist_head *head = (void *)heads + (walk.ifindex & 255) * sizeof(void *);	/* NETDEV_HASHENTRIES */

	walk.node = BPF_CORE_READ(head, first);
	state.found = 0;
	bpf_loop(1 << 16, find_device, &walk, 0);
	return 0;
}

/*
 * At each drop.
 */

/* Which counter of the device has moved on this CPU since the last drop there. */
static __always_inline __u32 moved_counter(__u64 device, __u64 core_stats, struct cpu_state *cpu, __u32 cpu_id)
{
	struct device_key key = { .device = device, .cpu = cpu_id };
	struct counters now, *last;
	__u32 moved = NO_COUNTER;

	/* Not registered in sysfs: no link, so nobody sees its counters. */
	if (!device)
		return NO_COUNTER;
	read_counters(core_stats, cpu->offset, &now);
	last = bpf_map_lookup_elem(&last_seen, &key);
	if (!last) {
		/* Not there at the start, so born since: its counters began at 0. */
		struct counters zero = {};

		bpf_map_update_elem(&last_seen, &key, &zero, BPF_ANY);
		last = bpf_map_lookup_elem(&last_seen, &key);
		if (!last)
			return NO_COUNTER;
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

	bpf_probe_read_kernel(&peer, sizeof(peer), (void *)(number(cpu, dev) + private_data));
	if (!peer)
		return;
	bpf_probe_read_kernel(&back, sizeof(back), (void *)peer + private_data);
	if ((__u64)back != number(cpu, dev))
		return;
	moved_counter(BPF_CORE_READ(peer, dev.kobj.sd, id), (__u64)BPF_CORE_READ(peer, core_stats), cpu, cpu_id);
}

static __always_inline bool passes(enum filter_kind kind, __u64 value)
{
	struct filter_key key = { .kind = kind, .value = value };

	return !(config.filter_kinds & (1 << kind)) || bpf_map_lookup_elem(&filters, &key);
}

static __always_inline bool is_vlan(__u16 protocol)
{
	return protocol == ETH_P_8021Q || protocol == ETH_P_8021AD;
}

static __always_inline bool vlan_tag_stripped(struct sk_buff *skb)
{
	if (bpf_core_field_exists(skb->vlan_all))
		return skb->vlan_all != 0;
	return BPF_CORE_READ_BITFIELD(skb, vlan_present);
}

struct vlan_header {
	__be16 tci;
	__be16 type;
};

/* An Ethernet header with up to two tags in line. */
struct ethernet {
	__u8 destination[6];
	__u8 source[6];
	__be16 type;
	struct vlan_header tags[2];
};

static __always_inline __u64 mac_value(const __u8 *mac)
{
	__u64 value = 0;

	__builtin_memcpy(&value, mac, 6);
	return value;
}

/* Where a drop without device belongs: to the socket that sent it, or the one it was for. */
static __always_inline struct net *socket_namespace(struct sk_buff *skb, __u64 *ctx)
{
	struct sock *sender = skb->sk;

	if (sender)
		return BPF_CORE_READ(sender, __sk_common.skc_net.net);
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)) {
		struct sock *receiver = (void *)ctx[3];

		if (receiver)
			return BPF_CORE_READ(receiver, __sk_common.skc_net.net);
	}
	return NULL;
}

SEC("tp_btf/kfree_skb")
int on_kfree_skb(__u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u32 reason = ctx[2];
	__u32 cpu_id = bpf_get_smp_processor_id();
	struct cpu_state *cpu = cpu_state(cpu_id);
	struct net_device *dev = skb->dev;
	struct net *net = NULL;
	__u32 counter = NO_COUNTER, ifindex = 0;
	__u64 core_stats = 0;
	bool has_ethernet = false;

	if (!cpu->primed) {
		cpu->early++;
		return 0;
	}
	if (dev) {
		core_stats = number(cpu, dev->core_stats);
		counter = moved_counter(dev->dev.kobj.sd->id, core_stats, cpu, cpu_id);
		if (counter == NO_COUNTER)
			note_peer(dev, cpu, cpu_id);
		net = dev->nd_net.net;
		ifindex = dev->ifindex;
		has_ethernet = dev->type == ARPHRD_ETHER || dev->type == ARPHRD_LOOPBACK;
	} else {
		net = socket_namespace(skb, ctx);
	}

	if (counter == NO_COUNTER && !config.all_drops)
		return 0;
	if (number(cpu, net) != state.home)
		return 0;
	if (!passes(FILTER_IFINDEX, ifindex) || !passes(FILTER_REASON, reason))
		return 0;

	/* From the MAC header to the end of the linear part. */
	__u16 mac_header = skb->mac_header;
	__u32 available = 0;

	/* ~0: skb_mac_header_was_set() is false. */
	if (mac_header != 0xffff && skb->tail > mac_header)
		available = skb->tail - mac_header;
	const __u8 *frame = skb->head + mac_header;

	struct ethernet ethernet = {};
	__u16 vlan_protocol = 0, vlan_tci = 0, ether_type = bpf_ntohs(skb->protocol);
	__u32 length = skb->len;

	if (available)
		length += number(cpu, skb->data) - (__u64)frame;
	if (vlan_tag_stripped(skb)) {
		vlan_protocol = bpf_ntohs(skb->vlan_proto);
		vlan_tci = skb->vlan_tci;
		length += sizeof(struct vlan_header);
	}
	has_ethernet = has_ethernet && available >= ETH_HLEN;
	if (has_ethernet) {
		__u32 bytes = available < sizeof(ethernet) ? available : sizeof(ethernet);

		bpf_probe_read_kernel(&ethernet, bytes & 31, frame);
		ether_type = bpf_ntohs(ethernet.type);
		for (int i = 0; i < 2 && is_vlan(ether_type); i++) {
			if (!vlan_protocol) {
				vlan_protocol = ether_type;
				vlan_tci = bpf_ntohs(ethernet.tags[i].tci);
			}
			ether_type = bpf_ntohs(ethernet.tags[i].type);
		}
	}
	if (!passes(FILTER_ETHER_TYPE, ether_type))
		return 0;
	if (!passes(FILTER_SOURCE, has_ethernet ? mac_value(ethernet.source) : ~0ULL))
		return 0;
	if (!passes(FILTER_DESTINATION, has_ethernet ? mac_value(ethernet.destination) : ~0ULL))
		return 0;

	struct drop_record *record = bpf_ringbuf_reserve(&ring, config.record_bytes, 0);

	if (!record) {
		cpu->lost++;
		return 0;
	}
	record->timestamp_ns = bpf_ktime_get_ns();
	record->location = ctx[1];
	record->counter_after = counter < COUNTERS ? sum_counter(core_stats, counter) : 0;
	record->ifindex = ifindex;
	record->netns = state.home_inode;
	record->reason = reason;
	record->length = length;
	record->cpu = cpu_id;
	record->ether_type = ether_type;
	record->vlan_protocol = vlan_protocol;
	record->vlan_tci = vlan_tci;
	record->counter = counter;
	record->is_ethernet = has_ethernet;
	__builtin_memcpy(record->destination, ethernet.destination, 6);
	__builtin_memcpy(record->source, ethernet.source, 6);
	if (dev)
		bpf_probe_read_kernel(record->interface, sizeof(record->interface), dev->name);
	else
		__builtin_memset(record->interface, 0, sizeof(record->interface));
	if (available > config.header_bytes)
		available = config.header_bytes;
	record->header_length = available;
	if (available)
		bpf_probe_read_kernel(record->header, available, frame);

	/*
	 * The reader sets reader_idle and then looks for records; we show the record and then look at
	 * reader_idle. The exchange is the full barrier between the two on our side.
	 */
	__u64 flags = BPF_RB_NO_WAKEUP;

	__sync_lock_test_and_set(&cpu->scratch, 0);
	if (state.reader_idle) {
		state.reader_idle = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
	return 0;
}
