/* stdout_clock <count> <pause in ns>: writes CLOCK_MONOTONIC to stdout, 8 bytes in ns, after each pause. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = atol(argv[1]);
	struct timespec pause = {.tv_nsec = atol(argv[2])};

	(void)argc;
	while (count-- > 0) {
		struct timespec now;
		uint64_t ns;

		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
		if (write(STDOUT_FILENO, &ns, sizeof(ns)) != sizeof(ns))
			return 1;
	}
	return 0;
}
