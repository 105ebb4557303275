#pragma once

/* What live_frames.bpf.c and its user-space side share. C, and C++. */

#include "varied_field.h"

#define LIVE_MAX_FIELDS 16
#define LIVE_MAX_TEMPLATES 16384
#define LIVE_ERRNOS 1024	/* above all there are, and a power of two */

/* A frame to send, as it lies in the map: a page each. */
struct live_template {
	struct field_place places[LIVE_MAX_FIELDS];
	__u32 length;
	__u8 bytes[3964];	/* more than the kernel takes of a frame */
};

/* What the programs and their user write while they run. */
struct live_state {
	__u64 task;		/* address of the thread that makes frames; in a cache line that others may read */
	__u64 line[7];
	__u64 next;		/* the number of the next frame */
	__u64 bytes;		/* of those that were made */
	__u64 end_ns;		/* CLOCK_MONOTONIC: no more from then on; 0: no end */
	__u32 stop;		/* 1: no more */
	__u32 ifindex;		/* to be sent on; 0: they are received by the interface that they come from */
	__u32 longest;		/* of the templates, in bytes: what each frame begins as */
	__u32 templates;
	__u32 fields;
	__u32 pending;		/* frames that were made, and of which it is not known whether they were sent */
	__u64 sent;		/* frames that the driver took */
	__u64 refused[LIVE_ERRNOS];	/* frames, by errno: ENOBUFS where the driver had no room */
	struct varied_field field[LIVE_MAX_FIELDS];
};
