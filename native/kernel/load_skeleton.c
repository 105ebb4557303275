#include "load_skeleton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/skel_internal.h>

/* The largest log that every kernel takes: bpf_verifier_log_attr_valid() in kernel/bpf/log.c. */
#define LOG_BYTES ((1U << 24) - 1)

/* How many lines of a log are kept. */
#define LOG_LINES 20

/* How often an interrupted load is tried. Each try may meet another signal. */
#define ATTEMPTS 64

/* The verifier gives up with EAGAIN when a signal waits for its thread: bpf_check(). */
static int load_patiently(int (*load)(void *skeleton), void *skeleton)
{
	int error = -EAGAIN;

	for (int i = 0; i < ATTEMPTS && error == -EAGAIN; i++)
		error = load(skeleton);
	return error;
}

/* Whether the verifier may have said why: it is not asked before privileges and memory are there. */
static bool may_have_log(int error)
{
	switch (error) {
	case 0:
	case -EAGAIN:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EPERM:
		return false;
	default:
		return true;
	}
}

static void copy_last_lines(const char *text, struct verifier_log *log)
{
	const char *end = text + strlen(text);
	const char *start = end;

	for (int lines = 0; start > text && lines < LOG_LINES; lines++) {
		const char *line = start - 1;

		while (line > text && line[-1] != '\n')
			line--;
		if ((size_t)(end - line) >= sizeof(log->text))
			break;
		start = line;
	}
	memcpy(log->text, start, (size_t)(end - start));
	log->text[end - start] = '\0';
}

static int load_with_log(int (*load)(void *skeleton), void *skeleton, struct verifier_log *log)
{
	struct bpf_loader_ctx *context = skeleton;
	char *text = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	int error;

	if (text == MAP_FAILED)
		return -ENOMEM;
	context->log_level = 1;
	context->log_size = LOG_BYTES;
	context->log_buf = (uintptr_t)text;
	error = load_patiently(load, skeleton);
	copy_last_lines(text, log);
	munmap(text, LOG_BYTES);
	return error;
}

int load_skeleton(int (*load)(void *skeleton), void *skeleton, struct verifier_log *log)
{
	const int error = load_patiently(load, skeleton);

	log->text[0] = '\0';
	if (!may_have_log(error))
		return error;
	/* A log that has no room is an error of its own (ENOSPC): the first one counts. */
	return load_with_log(load, skeleton, log) == 0 ? 0 : error;
}
