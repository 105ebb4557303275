#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The last lines of what the verifier said of a program that it refused; "" where it said nothing. Where the
 * kernel refuses a map, they are about the loader's own program, which passed.
 */
struct verifier_log {
	char text[4096];
};

/*
 * Loads a light skeleton by `load`, which wraps its generated function and returns 0 or -errno.
 * Tries again while a signal interrupts the verifier (EAGAIN). Where the kernel refuses a program,
 * loads it once more with a log.
 */
int load_skeleton(int (*load)(void *skeleton), void *skeleton, struct verifier_log *log);

#ifdef __cplusplus
}
#endif
