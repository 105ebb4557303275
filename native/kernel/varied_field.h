#pragma once

/* Fields whose value follows from the number of the frame. C, and C++: live_frames.bpf.c, too. */

#include <linux/types.h>

enum varied_kind {
	VARIED_COUNTER,	/* first, first + step, ... : `count` of them, and again from the first */
	VARIED_RANDOM,	/* first to first + count - 1, by a seed; count 0: any value of 64 bits */
	VARIED_LIST,	/* `count` values in turns, of a list in which they begin at `first` */
};

struct varied_field {
	__u64 mask;	/* the bits that belong to it; its last bit is the lowest */
	__u64 first;
	__u64 count;
	__u64 step;
	__u64 seed;	/* as varied_random() makes it of a seed: or the next one gave the same, one frame later */
	__u32 kind;	/* enum varied_kind */
	__u32 padding;
};

/* Where it lies in a frame: in the 8 bytes from `at` on, in network byte order, behind which `shift` bits follow. */
struct field_place {
	__u32 at;
	__u32 shift;
};

/* SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static inline __u64 varied_random(__u64 number)
{
	__u64 z = number * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* What frame `number` has there; of VARIED_LIST, its place in the list. */
static inline __u64 varied_value(const struct varied_field *field, __u64 number)
{
	__u64 random;

	if (field->kind == VARIED_COUNTER)
		return field->first + field->step * (number % field->count);
	if (field->kind == VARIED_LIST)
		return field->first + number % field->count;
	random = varied_random(field->seed + number);
	return field->count == 0 ? random : field->first + random % field->count;
}

/* The 8 bytes that it lies in, as a number, with its value in them. */
static inline __u64 varied_word(__u64 word, __u64 mask, __u32 shift, __u64 value)
{
	return (word & ~(mask << shift)) | ((value & mask) << shift);
}
