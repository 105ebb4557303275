#include "live_frames_skeleton.h"

#include <errno.h>

#include <live_frames.lskel.h>

static int load(void *skeleton)
{
	return live_frames_bpf__load(skeleton);
}

int live_frames_skeleton_load(__u32 templates, __u32 values, struct live_frames_bpf **skeleton,
			      struct live_frames_handles *handles, struct verifier_log *log)
{
	struct live_frames_bpf *skel = live_frames_bpf__open();
	int error;

	if (!skel)
		return -ENOMEM;
	skel->maps.templates.max_entries = templates;
	skel->maps.values.max_entries = values;
	error = load_skeleton(load, skel, log);
	if (error) {
		live_frames_bpf__destroy(skel);
		return error;
	}
	handles->program_fd = skel->progs.live_frame.prog_fd;
	handles->templates_fd = skel->maps.templates.map_fd;
	handles->values_fd = skel->maps.values.map_fd;
	handles->state = &skel->bss->state;
	*skeleton = skel;
	return 0;
}

int live_frames_skeleton_attach(struct live_frames_bpf *skeleton)
{
	/* The generated functions return -1 and set errno. */
	if (live_frames_bpf__on_redirect_err__attach(skeleton) < 0 ||
	    live_frames_bpf__on_devmap_xmit__attach(skeleton) < 0)
		return -errno;
	return 0;
}

void live_frames_skeleton_destroy(struct live_frames_bpf *skeleton)
{
	live_frames_bpf__destroy(skeleton);
}
