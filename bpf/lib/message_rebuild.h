/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A whole request at the front of a message gives way to a longer one (sk_msg). The rules are those of lib/message.h;
 * it ends as one element, because two would go out as two segments, and the second wait for an acknowledgement.
 */
#ifndef WEFT_LIB_MESSAGE_REBUILD_H
#define WEFT_LIB_MESSAGE_REBUILD_H

#include "lib/message.h"
#include "maps/kafka.h"

#define REBUILD_WINDOW 32768u /* the verifier allows offsets into a message up to 65,535 */

struct rebuild_run {
	struct sk_msg_md *message;
	struct kafka_work *work;
	__u32 from, bytes; /* the window */
	__u32 length;
	__u32 done; /* bytes written */
};

/* The last stretch may overlap the one before, so that each is whole. */
#define REBUILD_STRETCH 64u /* kafka_at() allows no more */

static long rebuild_write_step(__u32 i, void *arg)
{
	struct rebuild_run *run = arg;
	__u8 *data = (void *)(long)run->message->data, *end = (void *)(long)run->message->data_end;
	__u32 last = run->bytes - REBUILD_STRETCH, at = i * REBUILD_STRETCH;
	const __u8 *from;

	if (at > last)
		at = last;
	WIRE_OPAQUE(at);
	at &= REBUILD_WINDOW - 1;
	data += at;
	if ((void *)(data + REBUILD_STRETCH) > (void *)end)
		return 1;
	from = kafka_at(&run->work->text, KAFKA_TARGET + run->from + at);
#pragma unroll
	for (__u32 k = 0; k < REBUILD_STRETCH; k += 8)
		*(__u64 *)(data + k) = wire_load64(from + k);
	if (at < last)
		return 0;
	run->done = run->from + run->bytes;
	return 1;
}

/* One window. The last one begins early enough to be whole. */
static long rebuild_window_step(__u32 i, void *arg)
{
	struct rebuild_run *run = arg;
	__u32 bytes = run->length, from = i * REBUILD_WINDOW;

	if (run->done >= run->length)
		return 1;
	if (bytes > REBUILD_WINDOW) {
		if (from > run->length - REBUILD_WINDOW)
			from = run->length - REBUILD_WINDOW;
		bytes = REBUILD_WINDOW;
	}
	run->from = from;
	run->bytes = bytes;
	if (bpf_msg_pull_data(run->message, from, from + bytes, 0))
		return 1;
	bpf_loop(REBUILD_WINDOW / REBUILD_STRETCH + 1, rebuild_write_step, run, 0);
	return run->done != from + bytes;
}

/* Reads the first w->length bytes of the message into w->text. 0 = done. */
WIRE_GLOBAL int message_read_whole(struct sk_msg_md *m, struct scratch *s, struct kafka_work *w)
{
	__u64 n;

	if (!s || !w)
		return -1;
	n = w->length;
	if ((s->message.scatter != 1 || s->message.shared || s->message.windowed) &&
	    message_pull(m, &s->message, 0, n)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return -1;
	}
	if ((__u64)m->data_end - (__u64)m->data < n)
		return -1;
	WIRE_OPAQUE(n);
	if (n == 0 || n > KAFKA_CAP)
		return -1;
	return bpf_probe_read_kernel(w->text.bytes, n, (void *)(long)m->data) ? -1 : 0;
}

/*
 * Replaces the first w->length bytes of the message by the w->new_length bytes that have been built, which are more.
 * 0 = done; otherwise the message is as it was, or s->message.failed.
 */
WIRE_GLOBAL int message_rebuild(struct sk_msg_md *m, struct scratch *s, struct kafka_work *w)
{
	struct rebuild_run run = {};
	__u32 grows;

	if (!s || !w || w->new_length <= w->length || w->new_length < REBUILD_STRETCH)
		return -1;
	grows = w->new_length - w->length;
	if (bpf_msg_push_data(m, 0, grows, 0)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PUSH);
		return -1;
	}
	s->message.windowed = 1;
	if (bpf_msg_pull_data(m, 0, w->new_length, 0)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		if (bpf_msg_pop_data(m, 0, grows, 0)) {
			count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
			s->message.failed = PARK_HELPER_FAILED;
		}
		return -1;
	}
	run.message = m;
	run.work = w;
	run.length = w->new_length;
	bpf_loop(KAFKA_CAP / REBUILD_WINDOW + 1, rebuild_window_step, &run, 0);
	if (run.done < w->new_length) { /* it lies there as one element: this cannot be */
		count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
		s->message.failed = PARK_HELPER_FAILED;
	}
	s->message.size += grows;
	return 0;
}

#endif
