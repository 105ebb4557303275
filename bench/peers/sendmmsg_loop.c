/* sendmmsg_loop <interface> <count>: 256 frames a sendmmsg(2), each from a source of its own. */
#define _GNU_SOURCE
#include "peer.h"

#define WINDOW 256

int main(int argc, char **argv)
{
	static uint8_t frames[WINDOW][sizeof(FRAME)];
	static struct iovec parts[WINDOW];
	static struct mmsghdr messages[WINDOW];
	int fd = open_socket(argv[1]);
	long count = atol(argv[2]);

	(void)argc;
	for (int i = 0; i < WINDOW; i++) {
		memcpy(frames[i], FRAME, sizeof(FRAME));
		frames[i][11] = i;
		parts[i] = (struct iovec){frames[i], sizeof(FRAME)};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}

	struct stopwatch from = start();

	while (count > 0) {
		int sent = sendmmsg(fd, messages, count < WINDOW ? count : WINDOW, 0);

		if (sent < 0)
			die("sendmmsg");
		count -= sent;
	}
	report(from);
	return 0;
}
