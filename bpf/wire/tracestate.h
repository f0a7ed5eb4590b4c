/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The tracestate header of W3C Trace Context Level 2, section 3.3: lines are joined in order, the whole list is
 * checked, one wrong member discards it all, and what is longer than TRACESTATE_BYTES_MAX loses whole members.
 */
#ifndef WEFT_WIRE_TRACESTATE_H
#define WEFT_WIRE_TRACESTATE_H

#include "wire/tracestate_scan.h"

struct tracestate_shrink_run {
	struct tracestate_work *work;
	__u32 longer_than; /* this pass drops members of more bytes than this */
};

/* From the right: drops whole members while the list is too long. A dropped member becomes empty. */
WIRE_STEP tracestate_shrink_step(__u32 i, void *arg)
{
	struct tracestate_shrink_run *run = (struct tracestate_shrink_run *)arg;
	__u32 slot = TRACESTATE_MEMBERS_MAX - 1 - i, bytes;

	if (run->work->total <= TRACESTATE_BYTES_MAX + 1)
		return 1;
	if (slot >= run->work->count)
		return 0;
	WIRE_OPAQUE(slot);
	slot &= TRACESTATE_MEMBERS_MAX - 1;
	bytes = run->work->member[slot].end - run->work->member[slot].start;
	if (bytes <= run->longer_than)
		return 0;
	run->work->member[slot].end = run->work->member[slot].start;
	run->work->total -= bytes + 1;
	run->work->dropped++;
	return 0;
}

/* A function of its own, as tracestate_copy: the scan does not need its stack, of which Linux 6.1 has little. */
WIRE_GLOBAL int tracestate_shrink(struct tracestate_work *work)
{
	struct tracestate_shrink_run run = {};

	if (!work)
		return 0;
	run.work = work;
	run.longer_than = TRACESTATE_LONG_MEMBER;
	wire_loop(TRACESTATE_MEMBERS_MAX, tracestate_shrink_step, &run);
	run.longer_than = 0;
	wire_loop(TRACESTATE_MEMBERS_MAX, tracestate_shrink_step, &run);
	return 0;
}

/* What tracestate_mix makes of the key "ot". */
#define TRACESTATE_OT_WORD 0x746full

WIRE_STEP tracestate_drop_ot_step(__u32 i, void *arg)
{
	struct tracestate_work *work = ((struct tracestate_shrink_run *)arg)->work;
	__u32 slot = i & (TRACESTATE_MEMBERS_MAX - 1), bytes;

	if (i >= work->count)
		return 1;
	/* One's own takes a place as well: when all are taken, that of the last. */
	if (work->key_hash[slot] != tracestate_mix(0, TRACESTATE_OT_WORD) &&
	    !(work->ot && i == TRACESTATE_MEMBERS_MAX - 1 && !work->found))
		return 0;
	bytes = work->member[slot].end - work->member[slot].start;
	work->member[slot].end = work->member[slot].start;
	work->total -= bytes + 1;
	work->found = 1;
	return 1;
}

/*
 * The member "ot" of the list gives way to one of work->ot bytes, which the caller puts before the list. A function of
 * its own, as tracestate_copy.
 */
WIRE_GLOBAL int tracestate_replace_ot(struct tracestate_work *work)
{
	struct tracestate_shrink_run run = {};

	if (!work)
		return 0;
	run.work = work;
	work->found = 0;
	wire_loop(TRACESTATE_MEMBERS_MAX, tracestate_drop_ot_step, &run);
	if (work->ot)
		work->total += work->ot + 1;
	return 0;
}

struct tracestate_copy_run {
	const struct head_text *text;
	struct tracestate_work *work;
	struct tracestate_text *out;
};

/* The next member, and the comma before it. Returns whether there is one; a dropped one has no bytes left. */
WIRE_INLINE bool tracestate_copy_next(struct tracestate_work *work, struct tracestate_text *out)
{
	__u32 slot = work->slot++, to = work->to;

	if (slot >= work->count)
		return false;
	WIRE_OPAQUE(slot);
	slot &= TRACESTATE_MEMBERS_MAX - 1;
	work->from = work->member[slot].start;
	work->left = work->member[slot].end - work->member[slot].start;
	if (work->left && to > 0) {
		WIRE_OPAQUE(to);
		if (to < TRACESTATE_BYTES_MAX) {
			out->bytes[to] = ',';
			work->to = to + 1;
		}
	}
	return true;
}

/* Up to TRACESTATE_CHUNK bytes of one member. */
WIRE_STEP tracestate_copy_step(__u32 i, void *arg)
{
	struct tracestate_copy_run *run = (struct tracestate_copy_run *)arg;
	struct tracestate_work *work = run->work;
	const __u8 *source;
	__u32 to, bytes;

	(void)i;
	if (!work->left && !tracestate_copy_next(work, run->out))
		return 1;
	to = work->to;
	if (to > TRACESTATE_BYTES_MAX)
		return 1;
	source = run->text->bytes + head_text_index(work->from);
	wire_store64(run->out->bytes + to, wire_load64(source));
	wire_store64(run->out->bytes + to + 8, wire_load64(source + 8));
	wire_store64(run->out->bytes + to + 16, wire_load64(source + 16));
	wire_store64(run->out->bytes + to + 24, wire_load64(source + 24));
	bytes = work->left < TRACESTATE_CHUNK ? work->left : TRACESTATE_CHUNK;
	work->from += bytes;
	work->left -= bytes;
	work->to = to + bytes;
	return 0;
}

WIRE_GLOBAL __u32 tracestate_copy(const struct head_text *t, struct tracestate_work *work, struct tracestate_text *out)
{
	struct tracestate_copy_run run = {};

	if (!t || !work || !out)
		return 0;
	run.text = t;
	run.work = work;
	run.out = out;
	work->slot = work->to = work->left = 0;
	/* A member takes one callback more than it has whole chunks, at most; the last callback finds none. */
	wire_loop(TRACESTATE_MEMBERS_MAX + TRACESTATE_BYTES_MAX / TRACESTATE_CHUNK + 1, tracestate_copy_step, &run);
	return work->to;
}

/*
 * Joins and checks `lines` of `t`. More lines than text_lines can hold discard the list: it cannot be judged. `ot` says
 * what happens to the member "ot": TRACESTATE_OT_KEPT and the like. The caller decides about traceparent first: without
 * a valid one tracestate does not count.
 */
WIRE_GLOBAL int tracestate_join(const struct head_text *t, const struct text_lines *lines, struct tracestate_work *work,
				struct tracestate_text *out, __u32 ot)
{
	struct tracestate_run run = {};

	if (!t || !lines || !work || !out)
		return TRACESTATE_DISCARDED;
	work->seen = 0;
	work->count = work->total = work->dropped = 0;
	work->place.pos = work->place.end = work->line = 0;
	work->place.state = TRACESTATE_BETWEEN;
	work->place.tab = work->invalid = work->done = 0;
	out->length = out->dropped = 0;
	if (lines->more)
		return TRACESTATE_DISCARDED;
	run.text = t;
	run.lines = lines;
	run.work = work;
	wire_loop(HEAD_TEXT_CAP, tracestate_step, &run);
	if (work->invalid || !work->done)
		return TRACESTATE_DISCARDED;
	work->ot = ot;
	if (ot != TRACESTATE_OT_KEPT)
		tracestate_replace_ot(work);
	if (work->total > TRACESTATE_BYTES_MAX + 1)
		tracestate_shrink(work);
	out->dropped = work->dropped;
	out->length = tracestate_copy(t, work, out);
	return TRACESTATE_VALID;
}

#endif
