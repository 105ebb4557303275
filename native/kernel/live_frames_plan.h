#pragma once

/* What live_frames.bpf.c and its user-space side share. C, and C++. */

#include "varied_field.h"

#define LIVE_MAX_FIELDS 16
#define LIVE_MAX_TEMPLATES 16384

/* A frame to send, as it lies in the map: a page each. */
struct live_template {
	struct field_place places[LIVE_MAX_FIELDS];
	__u32 length;
	__u8 bytes[3964];	/* more than the kernel takes of a frame */
};

/* What the program and its user write while it runs. */
struct live_state {
	__u64 next;		/* the number of the next frame */
	__u64 bytes;		/* of those that were sent */
	__u64 end_ns;		/* CLOCK_MONOTONIC: no more from then on; 0: no end */
	__u32 stop;		/* 1: no more */
	__u32 ifindex;		/* to be sent on; 0: they are received by the interface that they come from */
	__u32 longest;		/* of the templates, in bytes: what each frame begins as */
	__u32 templates;
	__u32 fields;
	__u32 padding;
	struct varied_field field[LIVE_MAX_FIELDS];
};
