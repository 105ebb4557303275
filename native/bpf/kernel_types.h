/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/*
 * The few fields of the kernel's structures that drop_tracer.bpf.c reads. The kernel moves them to
 * where they really are when it loads the program (CO-RE).
 */

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct proc_ns_operations;

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};

struct net {
	struct list_head list;		/* on net_namespace_list */
	struct list_head dev_base_head;
	struct hlist_head *dev_index_head;
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct kernfs_node {
	__u64 id;
};

struct kobject {
	struct kernfs_node *sd;
};

struct device {
	struct kobject kobj;
};

struct net_device_core_stats {		/* per CPU; like this since 5.19 */
	unsigned long rx_dropped;
	unsigned long tx_dropped;
	unsigned long rx_nohandler;
	unsigned long rx_otherhost_dropped;
};

struct net_device {
	char name[16];
	int ifindex;
	unsigned int flags;
	unsigned int mtu;
	unsigned short type;
	unsigned short hard_header_len;
	possible_net_t nd_net;
	struct net_device_core_stats *core_stats;
	struct list_head dev_list;
	struct hlist_node index_hlist;
	struct device dev;
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	__be16 protocol;
	__u8 vlan_present : 1;		/* until 6.1 */
	__u32 vlan_all;			/* since 6.2: vlan_proto and vlan_tci */
	__be16 vlan_proto;
	__u16 vlan_tci;
	__u16 mac_header;
	unsigned int tail;
	unsigned char *head;
	unsigned char *data;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

struct trace_event_raw_kfree_skb {
	void *rx_sk;			/* since 6.11 */
};

/* The reasons that places.h looks at; their numbers are the running kernel's. */
enum skb_drop_reason {
	SKB_DROP_REASON_NOT_SPECIFIED = 1,
	SKB_DROP_REASON_UNHANDLED_PROTO,
	SKB_DROP_REASON_OTHERHOST,
	SKB_DROP_REASON_QDISC_DROP,
	SKB_DROP_REASON_DEV_READY,
	SKB_DROP_REASON_PFMEMALLOC,		/* newer than 6.12 */
	SKB_DROP_REASON_RECURSION_LIMIT,	/* newer than 6.12 */
};

/* What the verifier knows by name. */
enum special_kfunc_type {
	KF_bpf_rdonly_cast = 1,
};

struct bpf_array {
	void *pptrs[0];
};

#pragma clang attribute pop
