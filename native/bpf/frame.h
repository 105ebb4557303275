/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What a frame says of itself. */

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "tracer.h"

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

struct frame {
	const __u8 *start;	/* the MAC header */
	__u32 available;	/* bytes from there to the end of the linear part; 0: no MAC header */
	__u32 length;		/* as in struct drop_record, and so are the next three */
	__u16 ether_type;
	__u16 vlan_protocol;
	__u16 vlan_tci;
	bool is_ethernet;
	struct ethernet ethernet;	/* valid if is_ethernet */
};

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

static __always_inline void parse_ethernet(struct frame *frame)
{
	struct ethernet *ethernet = &frame->ethernet;
	__u32 bytes = frame->available < sizeof(*ethernet) ? frame->available : sizeof(*ethernet);

	/* Or the compiler, which sees that it changes nothing, leaves out the mask that old verifiers need. */
	barrier_var(bytes);
	bpf_probe_read_kernel(ethernet, bytes & 31, frame->start);
	frame->ether_type = bpf_ntohs(ethernet->type);
	for (int i = 0; i < 2 && is_vlan(frame->ether_type); i++) {
		if (bytes < ETH_HLEN + (i + 1) * sizeof(struct vlan_header))
			return;
		if (!frame->vlan_protocol) {
			frame->vlan_protocol = frame->ether_type;
			frame->vlan_tci = bpf_ntohs(ethernet->tags[i].tci);
		}
		frame->ether_type = bpf_ntohs(ethernet->tags[i].type);
	}
}

/* on_ethernet: whether frames of the device begin with an Ethernet header. */
static __always_inline void parse_frame(struct sk_buff *skb, bool on_ethernet, struct cpu_state *cpu,
					struct frame *frame)
{
	__u16 mac_header = skb->mac_header;

	__builtin_memset(frame, 0, sizeof(*frame));
	frame->start = skb->head + mac_header;
	frame->length = skb->len;
	frame->ether_type = bpf_ntohs(skb->protocol);
	/* ~0: skb_mac_header_was_set() is false. */
	if (mac_header != 0xffff && skb->tail > mac_header) {
		frame->available = skb->tail - mac_header;
		frame->length += untyped(cpu, skb->data) - (__u64)frame->start;
	}
	if (vlan_tag_stripped(skb)) {
		frame->vlan_protocol = bpf_ntohs(skb->vlan_proto);
		frame->vlan_tci = skb->vlan_tci;
		frame->length += sizeof(struct vlan_header);
	}
	frame->is_ethernet = on_ethernet && frame->available >= ETH_HLEN;
	if (frame->is_ethernet)
		parse_ethernet(frame);
}
