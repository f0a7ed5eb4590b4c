/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What of a message head must not leave the kernel: values are written over in the copy that goes into an event. */
#ifndef WEFT_LIB_MASK_H
#define WEFT_LIB_MASK_H

#include "maps/scratch.h"

#define HEAD_SENT_MAX 4096u /* bytes of a head in an event, at most */

static const __u8 mask_bytes[HEAD_SENT_MAX] = {[0 ... HEAD_SENT_MAX - 1] = '*'};

struct mask_run {
	struct scratch *scratch;
	const struct text_lines *lines;
};

static long mask_step(__u32 i, void *arg)
{
	const struct mask_run *run = arg;
	__u32 line = i;
	__u64 at, bytes;

	if (i >= run->lines->count)
		return 1;
	WIRE_OPAQUE(line);
	line &= TEXT_LINES_MAX - 1;
	at = run->lines->line[line].start;
	bytes = run->lines->line[line].end;
	if (bytes > HEAD_SENT_MAX)
		bytes = HEAD_SENT_MAX;
	if (at >= bytes)
		return 0;
	bytes -= at;
	WIRE_OPAQUE(at);
	WIRE_OPAQUE(bytes);
	if (at < HEAD_SENT_MAX && bytes <= HEAD_SENT_MAX)
		wire_copy(run->scratch->text.bytes + at, mask_bytes, bytes);
	return 0;
}

/*
 * Masks the values of these lines in s->text. Returns how many bytes of the head may be sent up: where lines are that
 * could not be held, only those before them.
 */
WIRE_GLOBAL int mask_lines(struct scratch *s, const struct text_lines *lines)
{
	struct mask_run run = {.scratch = s, .lines = lines};

	if (!s || !lines)
		return 0;
	bpf_loop(TEXT_LINES_MAX, mask_step, &run, 0);
	return lines->more && lines->lost_from < HEAD_SENT_MAX ? lines->lost_from : HEAD_SENT_MAX;
}

#endif
