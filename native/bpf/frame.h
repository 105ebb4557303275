/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What a frame says of itself. */

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "tracer.h"

/* Bytes of an Ethernet header with up to two tags in line, and two more. */
#define HEADER_WORDS 3

struct frame {
	const __u8 *start;	/* the MAC header */
	__u32 available;	/* bytes from there to the end of the linear part; 0: no MAC header */
	__u32 length;		/* as in struct drop_record, and so are the next three */
	__u16 ether_type;
	__u16 vlan_protocol;
	__u16 vlan_tci;
	bool is_ethernet;
	__u64 header[HEADER_WORDS];	/* the first bytes; zeros without an Ethernet header, and behind it */
};

/* Both as numbers, their first byte lowest. */
static __always_inline __u64 destination_of(const struct frame *frame)
{
	return frame->header[0] & 0xffffffffffffULL;
}

static __always_inline __u64 source_of(const struct frame *frame)
{
	return frame->header[0] >> 48 | (frame->header[1] & 0xffffffffULL) << 16;
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

/* The number of two bytes of the header, at a constant place: memory would be slower to go through. */
static __always_inline __u16 header_u16(const struct frame *frame, int at)
{
	return bpf_ntohs(frame->header[at / 8] >> at % 8 * 8);
}

static __always_inline void parse_ethernet(struct frame *frame)
{
	__u32 bytes = frame->available < sizeof(frame->header) ? frame->available : sizeof(frame->header);

	/* More than the linear part may have; struct skb_shared_info is behind it. */
	read_words(frame->header, HEADER_WORDS, (__u64)frame->start);
	for (int i = 0; i < HEADER_WORDS; i++) {
		if (bytes < (i + 1) * 8)
			frame->header[i] &= bytes > i * 8 ? (1ULL << (bytes & 7) * 8) - 1 : 0;
	}
	frame->ether_type = header_u16(frame, 12);
	for (int at = 14; at < 22 && is_vlan(frame->ether_type); at += 4) {
		if (bytes < at + 4)
			return;
		if (!frame->vlan_protocol) {
			frame->vlan_protocol = frame->ether_type;
			frame->vlan_tci = header_u16(frame, at);
		}
		frame->ether_type = header_u16(frame, at + 2);
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
		frame->length += 4;
	}
	frame->is_ethernet = on_ethernet && frame->available >= ETH_HLEN;
	if (frame->is_ethernet)
		parse_ethernet(frame);
}
