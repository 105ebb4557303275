#pragma once

#include "drop_record.h"
#include "load_skeleton.h"

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
	int devices_fd;
	int foreign_devices_fd;
	int recent_devices_fd;
	int talker_sets_fd;
	int find_home_fd;
	int place_names_fd;
	int prime_devices_fd;
	int sum_counters_fd;
	int swap_tables_fd;
	int on_kfree_skb_fd;
	struct tracer_state *state;
};

/* How large the maps are made. */
struct tracer_sizes {
	__u32 ring_bytes;
	__u32 devices;		/* (device, CPU) pairs, also in foreign_devices and recent_devices */
	__u32 foreign_devices;
	__u32 recent_devices;
	__u32 levels;		/* devices */
	__u32 foreign_levels;
	__u32 talker_sets;
};

/* Creates the maps and loads the programs. `log`: why the verifier refused one. */
int tracer_skeleton_load(const struct tracer_config *config, const struct tracer_sizes *sizes,
			 struct drop_tracer_bpf **skeleton, struct tracer_handles *handles,
			 struct verifier_log *log);
int tracer_skeleton_attach(struct drop_tracer_bpf *skeleton);
void tracer_skeleton_detach(struct drop_tracer_bpf *skeleton);
void tracer_skeleton_destroy(struct drop_tracer_bpf *skeleton);

#ifdef __cplusplus
}
#endif
