/* send_loop <interface> <count> [<pause in ns>]: one send(2) a frame, with a pause after each. */
#include "peer.h"

int main(int argc, char **argv)
{
	int fd = open_socket(argv[1]);
	long count = atol(argv[2]);
	struct timespec pause = {.tv_nsec = argc > 3 ? atol(argv[3]) : 0};
	struct stopwatch from = start();

	for (long i = 0; i < count; i++) {
		if (send(fd, FRAME, sizeof(FRAME), 0) < 0)
			die("send");
		if (pause.tv_nsec)
			nanosleep(&pause, NULL);
	}
	report(from);
	return 0;
}
