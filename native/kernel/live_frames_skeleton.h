#pragma once

#include "live_frames_plan.h"
#include "load_skeleton.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The light skeleton of live_frames.bpf.c behind a C interface. Failures are returned as -errno. */
struct live_frames_bpf;

/* What the loaded program is reached by. Descriptors stay the skeleton's. */
struct live_frames_handles {
	int program_fd;
	int templates_fd;
	int values_fd;
	struct live_state *state;
};

/*
 * Creates the maps, with room for so many entries, and loads the programs. `log`: why the verifier
 * refused one.
 */
int live_frames_skeleton_load(__u32 templates, __u32 values, struct live_frames_bpf **skeleton,
			      struct live_frames_handles *handles, struct verifier_log *log);
/* Attaches the programs that count what the driver took and what it refused. */
int live_frames_skeleton_attach(struct live_frames_bpf *skeleton);
void live_frames_skeleton_destroy(struct live_frames_bpf *skeleton);

#ifdef __cplusplus
}
#endif
