/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#pragma once

/* What a function of the kernel does to link counters when it drops a frame. C, and C++. */

#include <linux/types.h>

/*
 * The program judges each drop by the function that dropped the frame: a counter may have moved for many
 * reasons, and most of them have nothing to do with the frame that is dropped next.
 */
enum counting_place {
	PLACE_NONE,		/* moves no link counter */
	PLACE_RECEIVE,		/* rx_dropped or rx_nohandler, if no protocol took the frame */
	PLACE_RX,		/* rx_dropped */
	PLACE_NOHANDLER,	/* rx_nohandler */
	PLACE_OTHERHOST,	/* rx_otherhost_dropped, if the frame was for another host */
	PLACE_TX,		/* tx_dropped */
	PLACE_QUEUE,		/* tx_dropped, or nothing, if a queueing discipline dropped the frame */
	PLACE_MASTER,		/* tx_dropped, if the device is a bond */
	PLACE_FORWARD,		/* rx_dropped of the device that the frame was for; skb->dev is the sender */
	PLACE_RX_AFTER,		/* rx_dropped, after the frame is freed */
	PLACE_TX_AFTER,		/* tx_dropped, after the frame is freed */
	PLACE_NETKIT,		/* tx_dropped of the sender, after the frame is freed; skb->dev is its peer */
};

#define FUNCTION_NAME_BYTES 32

/* The name of a function, without what a compiler appends (.constprop.0); filled up with zeros. */
struct function_name {
	char text[FUNCTION_NAME_BYTES];
};
