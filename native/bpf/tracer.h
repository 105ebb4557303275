/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What all parts of the program share. */

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "../kernel/drop_record.h"
#include "kernel_types.h"

const volatile struct tracer_config config;
struct tracer_state state;

static __always_inline struct cpu_state *cpu_state(__u32 cpu)
{
	return &state.cpus[cpu & (MAX_CPUS - 1)];
}

/*
 * A kernel pointer as a number. The verifier forbids arithmetic on pointers whose type it knows; to
 * it, what was stored in a map and loaded again has none.
 */
static __always_inline __u64 untyped(struct cpu_state *cpu, const void *pointer)
{
	volatile __u64 *scratch = &cpu->scratch;

	*scratch = (__u64)pointer;
	return *scratch;
}

/* Since 6.2. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/*
 * Words of kernel memory from any address, zeros where it is not mapped. Loaded in line where the kernel
 * can: three calls of the helper take as long as all else that counting a drop by talker does.
 */
static __always_inline void read_words(__u64 *out, __u32 count, __u64 address)
{
	if (!bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)) {
		bpf_probe_read_kernel(out, count * sizeof(*out), (void *)address);
		return;
	}
	for (__u32 i = 0; i < count; i++) {
		/* A type that the kernel knows and that begins with a word. */
		const struct net_device_core_stats *words =
			bpf_rdonly_cast((void *)(address + i * sizeof(*out)),
					bpf_core_type_id_kernel(struct net_device_core_stats));

		out[i] = words->rx_dropped;
	}
}

static __always_inline void read_name(char (*out)[16], __u64 dev)
{
	read_words((__u64 *)out, sizeof(*out) / sizeof(__u64), dev + bpf_core_field_offset(struct net_device, name));
}
