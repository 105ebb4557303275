#include "drop_tracer_skeleton.h"

#include <errno.h>
#include <string.h>

#include <drop_tracer.lskel.h>

static int load(void *skeleton)
{
	return drop_tracer_bpf__load(skeleton);
}

int tracer_skeleton_load(const struct tracer_config *config, const struct tracer_sizes *sizes,
			 struct drop_tracer_bpf **skeleton, struct tracer_handles *handles,
			 struct verifier_log *log)
{
	struct drop_tracer_bpf *skel = drop_tracer_bpf__open();
	int error;

	if (!skel)
		return -ENOMEM;
	skel->rodata->config = *config;
	skel->maps.ring.max_entries = sizes->ring_bytes;
	skel->maps.devices.max_entries = sizes->devices;
	skel->maps.foreign_devices.max_entries = sizes->foreign_devices;
	skel->maps.levels.max_entries = sizes->levels;
	skel->maps.foreign_levels.max_entries = sizes->foreign_levels;
	skel->maps.recent_devices.max_entries = sizes->recent_devices;
	skel->maps.talker_sets.max_entries = sizes->talker_sets;
	error = load_skeleton(load, skel, log);
	if (error) {
		drop_tracer_bpf__destroy(skel);
		return error;
	}
	handles->ring_fd = skel->maps.ring.map_fd;
	handles->filters_fd = skel->maps.filters.map_fd;
	handles->devices_fd = skel->maps.devices.map_fd;
	handles->foreign_devices_fd = skel->maps.foreign_devices.map_fd;
	handles->place_names_fd = skel->maps.place_names.map_fd;
	handles->recent_devices_fd = skel->maps.recent_devices.map_fd;
	handles->talker_sets_fd = skel->maps.talker_sets.map_fd;
	handles->find_home_fd = skel->progs.find_home.prog_fd;
	handles->prime_devices_fd = skel->progs.prime_devices.prog_fd;
	handles->sum_counters_fd = skel->progs.sum_counters.prog_fd;
	handles->swap_tables_fd = skel->progs.swap_tables.prog_fd;
	handles->on_kfree_skb_fd = skel->progs.on_kfree_skb.prog_fd;
	handles->state = &skel->bss->state;
	*skeleton = skel;
	return 0;
}

int tracer_skeleton_attach(struct drop_tracer_bpf *skeleton)
{
	/* The generated function returns -1 and sets errno. */
	return drop_tracer_bpf__on_kfree_skb__attach(skeleton) < 0 ? -errno : 0;
}

void tracer_skeleton_detach(struct drop_tracer_bpf *skeleton)
{
	drop_tracer_bpf__detach(skeleton);
	memset(&skeleton->links, 0, sizeof(skeleton->links));
}

void tracer_skeleton_destroy(struct drop_tracer_bpf *skeleton)
{
	drop_tracer_bpf__destroy(skeleton);
}
