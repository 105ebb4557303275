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
