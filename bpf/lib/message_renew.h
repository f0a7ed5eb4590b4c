/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A message that is one head, and nothing else, is put together anew with the lines that are added to it (sk_msg). That
 * costs one page and leaves one element; an insertion splits the one that is there, which takes a second page and a
 * copy to undo.
 */
#ifndef WEFT_LIB_MESSAGE_RENEW_H
#define WEFT_LIB_MESSAGE_RENEW_H

#include "lib/message.h"

#define RENEW_STRETCH 64u
#define RENEW_MOST 4096u /* a page: where more of them are needed in a row, they may not be there */

/* Before 5d609ba26247 (Linux 6.13, 6.12.2) the end of a message cannot be taken away: it is not tried again. */
static volatile __u32 renew_refused;

struct renew_run {
	struct sk_msg_md *message;
	struct scratch *scratch;
};

/* One stretch of s->text. The last one may write more than there is, over which the lines are written. */
static long renew_step(__u32 i, void *arg)
{
	struct renew_run *run = arg;
	__u8 *data = (void *)(long)run->message->data, *end = (void *)(long)run->message->data_end;
	__u32 at = i * RENEW_STRETCH & (RENEW_MOST - 1);
	const __u8 *from = run->scratch->text.bytes + at;

	data += at;
	if ((void *)(data + RENEW_STRETCH) > (void *)end)
		return 1;
#pragma unroll
	for (__u32 k = 0; k < RENEW_STRETCH; k += 8)
		*(__u64 *)(data + k) = wire_load64(from + k);
	return 0;
}

/*
 * Is the message one private element, which s->text holds as it is now, from its first byte on, and will it fit into a
 * page?
 */
static __always_inline bool message_renews(const struct message *message, __u32 head_bytes, __u32 inserted)
{
	return message->scatter == 1 && !message->shared && message->head_at == 0 && message->offset == message->size &&
	       head_bytes == message->size && inserted >= RENEW_STRETCH && message->size + inserted <= RENEW_MOST &&
	       !renew_refused;
}

/*
 * The head in s->text with the first `inserted` bytes of s->staging before its blank line in place of the whole
 * message. 0 = done; otherwise the message is as it was. REQUIRES: message_renews.
 */
WIRE_GLOBAL int message_renew(struct sk_msg_md *m, struct scratch *s, __u32 inserted)
{
	struct renew_run run = {.message = m, .scratch = s};
	__u32 bytes, whole;

	if (!s)
		return -1;
	WIRE_OPAQUE(inserted);
	if (inserted > RENEW_MOST)
		return -1;
	bytes = s->message.size;
	whole = bytes + inserted;
	if (bytes < 2 || bpf_msg_push_data(m, 0, whole, 0)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PUSH);
		return -1;
	}
	if ((__u64)m->data_end - (__u64)m->data == whole) {
		bpf_loop(bytes / RENEW_STRETCH + 1, renew_step, &run, 0);
		s->staging.bytes[inserted] = '\r';
		s->staging.bytes[inserted + 1] = '\n';
		message_write(m, s, bytes - 2, inserted + 2);
		if (!bpf_msg_pop_data(m, whole, bytes, 0))
			return 0;
	}
	renew_refused = 1;
	if (bpf_msg_pop_data(m, 0, whole, 0))
		count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
	return -1;
}

#endif
