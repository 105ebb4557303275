#pragma once

/* What the peers share: the socket, the frame, the clock and the report. */

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* To nobody, of a type that nobody handles: the receiver drops it and raises rx_dropped. */
static const uint8_t FRAME[60] = {2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x43, 0x21};

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Protocol 0, as dropscope's own: an open tap would hide the drops. */
static inline int open_socket(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	return fd;
}

static inline double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

struct stopwatch {
	double wall, cpu;
};

static inline struct stopwatch start(void)
{
	return (struct stopwatch){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

/* Prints what passed since `from`, as JSON. */
static inline void report(struct stopwatch from)
{
	printf("{\"seconds\":%.9f,\"cpuSeconds\":%.9f}\n", seconds(CLOCK_MONOTONIC) - from.wall,
	       seconds(CLOCK_PROCESS_CPUTIME_ID) - from.cpu);
}
