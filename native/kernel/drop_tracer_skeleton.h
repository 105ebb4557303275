#pragma once

#include "drop_record.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The light skeleton of drop_tracer.bpf.c behind a C interface: what bpftool generates is no C++.
 * Failures are returned as -errno.
 */
struct drop_tracer_bpf;

/* What the loaded program is reached by. Descriptors stay the skeleton's. */
struct tracer_handles {
	int ring_fd;
	int filters_fd;
	int find_home_fd;
	int prime_cpu_fd;
	int sum_counters_fd;
	int on_kfree_skb_fd;
	struct tracer_state *state;
};

/* Creates the maps and loads the programs; last_seen_entries: how many (device, CPU) pairs. */
int tracer_skeleton_load(const struct tracer_config *config, __u32 ring_bytes, __u32 last_seen_entries,
			 struct drop_tracer_bpf **skeleton, struct tracer_handles *handles);
int tracer_skeleton_attach(struct drop_tracer_bpf *skeleton);
void tracer_skeleton_detach(struct drop_tracer_bpf *skeleton);
void tracer_skeleton_destroy(struct drop_tracer_bpf *skeleton);

#ifdef __cplusplus
}
#endif
