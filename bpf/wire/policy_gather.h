/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* From the lines of a header in a message head to the text that the policy judges. */
#ifndef WEFT_WIRE_POLICY_GATHER_H
#define WEFT_WIRE_POLICY_GATHER_H

#include "wire/policy_run.h"

struct policy_append_run {
	struct policy_run *run;
	const struct head_text *text;
	__u32 start, end;
};

WIRE_STEP policy_append_step(__u32 i, void *arg)
{
	struct policy_append_run *a = (struct policy_append_run *)arg;
	struct policy_run *r = a->run;
	__u32 at = r->length;
	__u64 bytes = a->end - a->start;

	(void)i;
	if (a->start >= a->end)
		return 1;
	WIRE_OPAQUE(at);
	WIRE_OPAQUE(bytes);
	if (bytes > POLICY_COPY_MAX)
		bytes = POLICY_COPY_MAX;
	if (at > POLICY_TEXT_MAX || bytes > POLICY_TEXT_MAX - at) {
		r->cut = 1;
		return 1;
	}
	wire_copy(r->text + at, a->text->bytes + head_text_index(a->start), bytes);
	r->length = at + bytes;
	a->start += bytes;
	return 0;
}

/* Appends [start, end) of `t` to r->text, behind a comma if there is something already. */
WIRE_GLOBAL int policy_append(struct policy_run *r, const struct head_text *t, __u32 start, __u32 end)
{
	struct policy_append_run a = {};
	__u32 at;

	if (!r || !t || start >= end || end > HEAD_TEXT_CAP)
		return 0;
	at = r->length;
	if (at) {
		WIRE_OPAQUE(at);
		if (at >= POLICY_TEXT_MAX) {
			r->cut = 1;
			return 0;
		}
		r->text[at] = ',';
		r->length = at + 1;
	}
	a.run = r;
	a.text = t;
	a.start = start;
	a.end = end;
	wire_loop(4, policy_append_step, &a);
	return 0;
}

/* A fresh text: the lines of a header, joined with commas. */
WIRE_INLINE void policy_gather(struct policy_run *r, const struct head_text *t, const struct text_lines *lines)
{
	r->length = r->cut = 0;
	r->folded_from = ~0u;
	r->injectable = r->partial = r->uncounted = 0;
	r->lost_lines = lines->more;
	for (__u32 i = 0; i < TEXT_LINES_MAX; i++)
		if (i < lines->count)
			policy_append(r, t, lines->line[i].start, lines->line[i].end);
}

#endif
