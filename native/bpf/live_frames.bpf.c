// SPDX-License-Identifier: (MIT OR GPL-2.0)
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../kernel/live_frames_plan.h"

/* <errno.h>, which cannot be included here. */
#define ENOBUFS 105

/* <linux/if_ether.h> */
#define ETH_HLEN 14

/* How many frames are made between two looks at the clock. */
#define CLOCK_FRAMES 64

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct live_state state;

/* The loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct live_template);
} templates SEC(".maps");

/* Of the fields that have a list. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

static __always_inline bool is_over(__u64 number)
{
	if (state.stop)
		return true;
	if (state.end_ns == 0 || number % CLOCK_FRAMES != 0 || bpf_ktime_get_ns() < state.end_ns)
		return false;
	state.stop = 1;
	return true;
}

/*
 * All of it each time: the frame lies in a page that the kernel uses again and again, and who had it last may
 * have written to it.
 */
static __always_inline bool write_template(struct xdp_md *ctx, const struct live_template *template)
{
	__u32 length = template->length;

	/* Not as one comparison, from which the verifier of 6.1 learns nothing. */
	if (length > sizeof(template->bytes))
		return false;
	barrier_var(length);
	if (length < ETH_HLEN)
		return false;
	if (length != state.longest && bpf_xdp_adjust_tail(ctx, (int)length - (int)state.longest))
		return false;
	return bpf_xdp_store_bytes(ctx, 0, (void *)template->bytes, length) == 0;
}

static __always_inline void write_field(struct xdp_md *ctx, const struct live_template *template, __u32 index,
					__u64 number)
{
	const struct varied_field *field = &state.field[index];
	__u32 at = template->places[index].at & 4095;
	__u64 *word = (void *)(long)ctx->data + at;
	__u64 value = varied_value(field, number);

	if ((void *)(word + 1) > (void *)(long)ctx->data_end)
		return;
	if (field->kind == VARIED_LIST) {
		__u32 place = value;
		__u64 *listed = bpf_map_lookup_elem(&values, &place);

		if (!listed)
			return;
		value = *listed;
	}
	*word = bpf_cpu_to_be64(varied_word(bpf_be64_to_cpu(*word), field->mask,
					    template->places[index].shift, value));
}

/* Run once for each frame: as BPF_F_TEST_XDP_LIVE_FRAMES, what it returns is done with the frame. */
SEC("xdp")
int live_frame(struct xdp_md *ctx)
{
	__u64 number = state.next;
	__u32 index = state.templates > 1 ? number % state.templates : 0;
	struct live_template *template = bpf_map_lookup_elem(&templates, &index);

	if (is_over(number) || !template || !write_template(ctx, template))
		return XDP_DROP;
	for (__u32 i = 0; i < LIVE_MAX_FIELDS && i < state.fields; i++)
		write_field(ctx, template, i, number);
	state.next = number + 1;
	state.bytes += template->length;
	if (!state.ifindex)
		return XDP_PASS;
	if (state.task != bpf_get_current_task())
		state.task = bpf_get_current_task();
	state.pending++;
	return bpf_redirect(state.ifindex, 0);
}

static __always_inline void refuse(long error, __u32 frames)
{
	state.refused[-error & (LIVE_ERRNOS - 1)] += frames;
	state.pending -= frames;
	/* It goes on behind a full queue only. */
	if (error != -ENOBUFS)
		state.stop = 1;
}

/*
 * The kernel tells the caller nothing of what becomes of redirected frames, but these tracepoints: in the thread
 * that makes them, and before softirqs can run there again, so that while some are pending, no others come.
 */
static __always_inline bool is_ours(void)
{
	return state.task == bpf_get_current_task() && state.pending > 0;
}

/* (dev, xdp, tgt, err, map_type, map_id, index) */
SEC("raw_tp/xdp_redirect_err")
int on_redirect_err(struct bpf_raw_tracepoint_args *ctx)
{
	if (!is_ours())
		return 0;
	refuse((int)ctx->args[3], 1);
	return 0;
}

/* (from_dev, to_dev, sent, drops, err) */
SEC("raw_tp/xdp_devmap_xmit")
int on_devmap_xmit(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 sent = ctx->args[2];
	__u32 drops = ctx->args[3];
	int error = ctx->args[4];

	if (!is_ours())
		return 0;
	state.sent += sent;
	state.pending -= sent;
	if (drops == 0)
		return 0;
	refuse(error < 0 ? error : -ENOBUFS, drops);
	return 0;
}
