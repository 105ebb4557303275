// SPDX-License-Identifier: (MIT OR GPL-2.0)
#include "counters.h"
#include "frame.h"
#include "questions.h"

/* <linux/if_arp.h>, which cannot be included here. */
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FILTERS);
	__type(key, struct filter_key);
	__type(value, __u8);
} filters SEC(".maps");

static __always_inline bool passes(enum filter_kind kind, __u64 value)
{
	struct filter_key key = { .kind = kind, .value = value };

	return !(config.filter_kinds & (1 << kind)) || bpf_map_lookup_elem(&filters, &key);
}

static __always_inline __u64 mac_value(const __u8 *mac)
{
	__u64 value = 0;

	__builtin_memcpy(&value, mac, 6);
	return value;
}

static __always_inline bool frame_passes(const struct frame *frame)
{
	const __u64 no_address = ~0ULL;

	return passes(FILTER_ETHER_TYPE, frame->ether_type) &&
	       passes(FILTER_SOURCE, frame->is_ethernet ? mac_value(frame->ethernet.source) : no_address) &&
	       passes(FILTER_DESTINATION, frame->is_ethernet ? mac_value(frame->ethernet.destination) : no_address);
}

/*
 * The device of a frame; NULL where skb->dev holds something else: dev_scratch of UDP's receive
 * queue, or a node of TCP's and IP's trees of what came out of order.
 */
static __always_inline struct net_device *device_of(struct sk_buff *skb, struct cpu_state *cpu)
{
	struct net_device *dev = skb->dev;

	if (dev && untyped(cpu, dev->nd_net.net->ns.ops) == state.namespace_ops)
		return dev;
	return NULL;
}

/* Where a drop without device belongs: to the socket that sent it, or the one it was for. */
static __always_inline __u64 socket_namespace(struct sk_buff *skb, __u64 *ctx)
{
	struct sock *sender = skb->sk;

	if (sender)
		return (__u64)BPF_CORE_READ(sender, __sk_common.skc_net.net);
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk)) {
		struct sock *receiver = (void *)ctx[3];

		if (receiver)
			return (__u64)BPF_CORE_READ(receiver, __sk_common.skc_net.net);
	}
	return 0;
}

/*
 * The reader sets reader_idle and then looks for records; we show the record and then look at
 * reader_idle. The exchange is the full barrier between the two on our side.
 */
static __always_inline void submit(struct drop_record *record, struct cpu_state *cpu)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	__sync_lock_test_and_set(&cpu->scratch, 0);
	if (state.reader_idle) {
		state.reader_idle = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

SEC("tp_btf/kfree_skb")
int on_kfree_skb(__u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u32 reason = ctx[2];
	__u32 cpu_id = bpf_get_smp_processor_id();
	struct cpu_state *cpu = cpu_state(cpu_id);
	__u32 counter = NO_COUNTER, ifindex = 0;
	__u64 net, core_stats = 0;
	bool on_ethernet = false;
	struct drop_record *record;
	struct net_device *dev;
	struct frame frame;
	__u32 header_length;

	if (!cpu->primed) {
		cpu->early++;
		return 0;
	}

	/* Every device of every namespace, so that what was last seen is right for the next drop. */
	dev = device_of(skb, cpu);
	if (dev) {
		core_stats = untyped(cpu, dev->core_stats);
		counter = moved_counter(dev->dev.kobj.sd->id, core_stats, cpu, cpu_id);
		if (counter == NO_COUNTER)
			note_peer(dev, cpu, cpu_id);
		net = untyped(cpu, dev->nd_net.net);
		ifindex = dev->ifindex;
		on_ethernet = dev->type == ARPHRD_ETHER || dev->type == ARPHRD_LOOPBACK;
	} else {
		net = socket_namespace(skb, ctx);
	}

	if (counter == NO_COUNTER && !config.all_drops)
		return 0;
	if (net != state.home)
		return 0;
	if (!passes(FILTER_IFINDEX, ifindex) || !passes(FILTER_REASON, reason))
		return 0;
	parse_frame(skb, on_ethernet, cpu, &frame);
	if (!frame_passes(&frame))
		return 0;

	if (counter == UNKNOWN_COUNTER && !config.all_drops)
		goto lost;
	record = bpf_ringbuf_reserve(&ring, config.record_bytes, 0);
	if (!record)
		goto lost;
	header_length = frame.available < config.header_bytes ? frame.available : config.header_bytes;
	record->timestamp_ns = bpf_ktime_get_ns();
	record->location = ctx[1];
	record->counter_after = counter < COUNTERS ? sum_counter(core_stats, counter) : 0;
	record->ifindex = ifindex;
	record->netns = state.home_inode;
	record->reason = reason;
	record->length = frame.length;
	record->cpu = cpu_id;
	record->header_length = header_length;
	record->ether_type = frame.ether_type;
	record->vlan_protocol = frame.vlan_protocol;
	record->vlan_tci = frame.vlan_tci;
	record->counter = counter;
	record->is_ethernet = frame.is_ethernet;
	__builtin_memcpy(record->destination, frame.ethernet.destination, 6);
	__builtin_memcpy(record->source, frame.ethernet.source, 6);
	__builtin_memset(record->interface, 0, sizeof(record->interface));
	if (dev)
		bpf_probe_read_kernel(record->interface, sizeof(record->interface), dev->name);
	if (header_length)
		bpf_probe_read_kernel(record->header, header_length, frame.start);
	submit(record, cpu);
	return 0;

lost:
	cpu->lost++;
	return 0;
}
