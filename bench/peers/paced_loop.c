/* paced_loop <interface> <frames a second> <seconds>: a millisecond's worth of frames at a time. */
#define _GNU_SOURCE
#include "peer.h"

int main(int argc, char **argv)
{
	uint8_t frame[sizeof(FRAME)];
	int fd = open_socket(argv[1]);
	long rate = atol(argv[2]);
	double length = atof(argv[3]);
	struct stopwatch from = start();
	long sent = 0;

	(void)argc;
	memcpy(frame, FRAME, sizeof(frame));
	for (double passed = 0; passed < length; passed = seconds(CLOCK_MONOTONIC) - from.wall) {
		for (; sent < (long)(passed * rate); sent++) {
			frame[11] = sent;
			if (send(fd, frame, sizeof(frame), 0) < 0)
				die("send");
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	report(from);
	return 0;
}
