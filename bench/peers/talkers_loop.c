/*
 * talkers_loop <interface> <count> <talkers>: 256 frames a sendmmsg(2), from so many sources in turn.
 * With 0 talkers: from a random source each, but for ten talkers who send every hundredth frame; the
 * one with number n begins after n twentieths of all.
 */
#define _GNU_SOURCE
#include "peer.h"

#define WINDOW 256

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	/* xorshift64 */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint32_t source_of(long number, long count, long talkers)
{
	long place = number % 100;

	if (talkers > 0)
		return number % talkers;
	if (place < 10 && number >= place * (count / 20))
		return place;
	return next_random() | 0x80000000;
}

int main(int argc, char **argv)
{
	static uint8_t frames[WINDOW][sizeof(FRAME)];
	static struct iovec parts[WINDOW];
	static struct mmsghdr messages[WINDOW];
	int fd = open_socket(argv[1]);
	long count = atol(argv[2]), talkers = atol(argv[3]);

	(void)argc;
	for (int i = 0; i < WINDOW; i++) {
		memcpy(frames[i], FRAME, sizeof(FRAME));
		parts[i] = (struct iovec){frames[i], sizeof(FRAME)};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}

	struct stopwatch from = start();

	for (long sent = 0; sent < count;) {
		long wanted = count - sent < WINDOW ? count - sent : WINDOW;

		for (long i = 0; i < wanted; i++) {
			uint32_t source = source_of(sent + i, count, talkers);

			for (int byte = 0; byte < 4; byte++)
				frames[i][8 + byte] = source >> (24 - 8 * byte);
		}
		for (long done = 0; done < wanted;) {
			int taken = sendmmsg(fd, messages + done, wanted - done, 0);

			if (taken < 0)
				die("sendmmsg");
			done += taken;
		}
		sent += wanted;
	}
	report(from);
	return 0;
}
