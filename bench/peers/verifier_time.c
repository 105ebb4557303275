/*
 * verifier_time <drop_tracer.bpf.o>: loads each program of the object, configured as watchDrops()
 * does by default, and prints as JSON how long the kernel says that its verifier took.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/kernel/drop_record.h"

/* BPF_LOG_STATS in include/linux/bpf_verifier.h: only the summary. */
#define LOG_STATS 4

#define HEADER_BYTES 64

static void configure(struct bpf_object *object)
{
	struct tracer_config config = {
		.header_bytes = HEADER_BYTES,
		.record_bytes = sizeof(struct drop_record) + HEADER_BYTES,
		.cpu_count = libbpf_num_possible_cpus(),
	};
	struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");

	bpf_map__set_initial_value(constants, &config, sizeof(config));
}

int main(int argc, char **argv)
{
	static char log[16][4096];
	struct bpf_object *object = argc > 1 ? bpf_object__open(argv[1]) : NULL;
	struct bpf_program *program;
	unsigned long total_us = 0;
	int count = 0;

	if (!object)
		return 1;
	configure(object);
	bpf_object__for_each_program(program, object) {
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, log[count++], sizeof(log[0]));
	}
	if (bpf_object__load(object))
		return 1;
	for (int i = 0; i < count; i++) {
		const char *line = strstr(log[i], "verification time ");

		total_us += line ? strtoul(line + strlen("verification time "), NULL, 10) : 0;
	}
	printf("{\"seconds\":%.6f}\n", total_us / 1e6);
	return 0;
}
