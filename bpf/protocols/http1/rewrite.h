/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * New values for lines that an outgoing head carries: contexts of a forwarded request in whatever format, tracestate of
 * one that is not trusted, baggage that the policy does not let pass (of uberctx- lines the values). Everything from
 * the first to the last such line is built anew in s->staging; shorter values are padded with spaces in front, longer
 * ones make the head grow.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_REWRITE_H
#define WEFT_PROTOCOLS_HTTP1_REWRITE_H

#include "protocols/http1/context.h"

/* The format whose ids a carrier holds; FORMAT_NONE: no ids. */
static __always_inline __u32 carrier_format(__u32 carrier)
{
	switch (carrier) {
	case CARRIER_TRACEPARENT:
		return FORMAT_TRACECONTEXT;
	case CARRIER_B3:
		return FORMAT_B3;
	case CARRIER_B3_TRACE:
	case CARRIER_B3_SPAN:
	case CARRIER_B3_PARENT:
	case CARRIER_B3_SAMPLED:
		return FORMAT_B3MULTI;
	case CARRIER_UBER_TRACE:
		return FORMAT_JAEGER;
	case CARRIER_X_TRACE:
	case CARRIER_X_PARENT:
		return FORMAT_XTRACEID;
	}
	return FORMAT_NONE;
}

/* The ids' short form is right where the long one does not fit and says no more. */
static __always_inline bool rewrite_short(const struct scratch *s, __u32 room, __u32 long_form)
{
	return room < long_form && !wire_load64(s->parent.trace_id);
}

enum { REWRITE_KEEP = 0xffff };

/* Bytes of the new value of a line; REWRITE_KEEP: it stays as it is. */
static __always_inline __u32 rewrite_value_bytes(const struct scratch *s, const struct carrier_line *line)
{
	__u32 format = carrier_format(line->carrier), room = (__u32)line->end - line->start;

	if (line->carrier == CARRIER_BAGGAGE) {
		if (!s->rewrite.baggage || line->start < s->rewrite.judged)
			return REWRITE_KEEP;
		return s->rewrite.baggage_done ? 0 : s->policy.out_length;
	}
	if (line->carrier == CARRIER_UBER_EMPTIED)
		return line->start < s->rewrite.judged || !room ? REWRITE_KEEP : 0;
	if (line->start < s->rewrite.settled || !s->decision.over)
		return REWRITE_KEEP;
	if (line->carrier == CARRIER_TRACESTATE)
		return trusts_incoming(s) || !room ? REWRITE_KEEP : 0;
	if (format >= FORMAT_IDS || !(s->decision.over >> format & 1))
		return REWRITE_KEEP;
	switch (line->carrier) {
	case CARRIER_TRACEPARENT:
		return TRACEPARENT_BYTES;
	case CARRIER_B3:
		if (s->carried[FORMAT_B3].result == CONTEXT_SAMPLING_ONLY &&
		    !propagation_injects(&s->propagation, FORMAT_B3))
			return 1;
		if (room == 49 || room == 33) /* it left the decision open */
			return room == 33 && wire_load64(s->parent.trace_id) ? B3_BYTES : room;
		return rewrite_short(s, room, B3_BYTES) ? B3_BYTES - 16 : B3_BYTES;
	case CARRIER_B3_TRACE:
		return rewrite_short(s, room, 32) ? 16 : 32;
	case CARRIER_B3_SPAN:
	case CARRIER_B3_PARENT:
		return 16;
	case CARRIER_B3_SAMPLED:
		return 1;
	case CARRIER_UBER_TRACE:
		return rewrite_short(s, room, JAEGER_BYTES) ? JAEGER_BYTES - 16 : JAEGER_BYTES;
	case CARRIER_X_TRACE: /* an opaque value is the application's */
		return room == 32 && !s->carried[FORMAT_XTRACEID].ids.opaque ? 32 : REWRITE_KEEP;
	case CARRIER_X_PARENT:
		return room == 16 ? 16 : REWRITE_KEEP;
	}
	return REWRITE_KEEP;
}

/* The `bytes` of a context's new value at `to` in s->staging. */
static __always_inline void rewrite_context(struct scratch *s, __u32 carrier, __u32 to, __u32 bytes)
{
	__u8 *out = s->staging.bytes + head_text_index(to);
	__u8 sampled = s->parent.flags & TRACE_FLAG_SAMPLED ? '1' : '0';

	switch (carrier) {
	case CARRIER_TRACEPARENT:
		traceparent_format(out, s->parent.trace_id, s->decision.span_id, s->parent.flags);
		return;
	case CARRIER_B3:
	case CARRIER_UBER_TRACE:
		if (bytes == 1) {
			*out = sampled;
			return;
		}
		if (bytes == B3_BYTES || bytes == JAEGER_BYTES || bytes == 49) {
			context_write_id(out, s->parent.trace_id);
			out = s->staging.bytes + head_text_index(to + 16);
		}
		context_write_id(out, s->parent.trace_id + 8);
		out[16] = carrier == CARRIER_B3 ? '-' : ':';
		context_write_id(out + 17, s->decision.span_id);
		out[33] = out[16];
		if (carrier == CARRIER_B3) {
			out[34] = sampled;
		} else {
			out[34] = '0';
			out[35] = ':';
			out[36] = sampled;
		}
		return;
	case CARRIER_B3_TRACE:
	case CARRIER_X_TRACE:
		if (bytes == 32) {
			context_write_id(out, s->parent.trace_id);
			out = s->staging.bytes + head_text_index(to + 16);
		}
		context_write_id(out, s->parent.trace_id + 8);
		return;
	case CARRIER_B3_SPAN:
	case CARRIER_X_PARENT:
		context_write_id(out, s->decision.span_id);
		return;
	case CARRIER_B3_PARENT:
		context_write_id(out, s->parent.span_id);
		return;
	case CARRIER_B3_SAMPLED:
		*out = sampled;
	}
}

/* Which lines change, and where the first and the last of them are. One line a step. */
static long rewrite_plan_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	struct rewrite *w = &s->rewrite;
	struct carrier_line *line = &s->carriers.line[i & (CARRIER_LINES_MAX - 1)];

	if (i >= s->carriers.count)
		return 1;
	line->changed = 0;
	if (rewrite_value_bytes(s, line) == REWRITE_KEEP)
		return 0;
	if (line->start < w->base) { /* it is on its way */
		if (line->carrier == CARRIER_BAGGAGE || line->carrier == CARRIER_UBER_EMPTIED)
			w->baggage_gone = 1;
		else
			w->gone = 1;
		return 0;
	}
	line->changed = 1;
	if (line->carrier == CARRIER_BAGGAGE)
		w->baggage_done = 1; /* and now for blanking the others: see rewrite_build */
	if (w->from >= w->end)
		w->from = line->name >= w->base + 2 ? line->name - 2u : w->base; /* its name may have left */
	w->end = line->end + 2u; /* its line end too, and the one before: eight bytes, which a write needs */
	if (w->end > s->carriers.end)
		w->end = s->carriers.end;
	return 0;
}

#define REWRITE_SPACES_MAX 8192u

static const __u8 rewrite_spaces[REWRITE_SPACES_MAX] = {[0 ... REWRITE_SPACES_MAX - 1] = ' '};

#define REWRITE_COPY_MAX 4096u /* bytes between two lines that change */

/* The head up to `upto` as it is, to s->staging. */
static __always_inline void rewrite_copy(struct scratch *s, __u32 upto)
{
	struct rewrite *w = &s->rewrite;
	__u64 bytes = upto - w->in;
	__u32 to = w->to;

	if (upto <= w->in)
		return;
	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(to);
	if (bytes > REWRITE_COPY_MAX || to > HEAD_TEXT_CAP - REWRITE_COPY_MAX) {
		w->to = HEAD_TEXT_CAP; /* too much for one go: given up */
		return;
	}
	wire_copy(s->staging.bytes + to, s->text.bytes + head_text_index(w->in), bytes);
	w->to += bytes;
	w->in = upto;
}

static long rewrite_build_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	struct rewrite *w = &s->rewrite;
	struct carrier_line *line = &s->carriers.line[i & (CARRIER_LINES_MAX - 1)];
	__u32 bytes, room, to;

	if (i >= s->carriers.count)
		return 1;
	if (!line->changed)
		return 0;
	bytes = rewrite_value_bytes(s, line);
	room = (__u32)line->end - line->start;
	rewrite_copy(s, line->start);
	to = w->to;
	if (bytes == REWRITE_KEEP || to + bytes + room > HEAD_TEXT_CAP) {
		w->to = HEAD_TEXT_CAP;
		return 1;
	}
	if (room > bytes) {
		__u64 spaces = room - bytes;

		WIRE_OPAQUE(spaces);
		WIRE_OPAQUE(to);
		if (spaces > REWRITE_SPACES_MAX || to > HEAD_TEXT_CAP - REWRITE_SPACES_MAX) {
			w->to = HEAD_TEXT_CAP;
			return 1;
		}
		wire_copy(s->staging.bytes + to, rewrite_spaces, spaces);
		to += spaces;
	}
	if (line->carrier == CARRIER_BAGGAGE) {
		__u64 length = bytes;

		w->baggage_done = 1;
		if (length) {
			WIRE_OPAQUE(length);
			WIRE_OPAQUE(to);
			if (length <= POLICY_BYTES_MAX && to <= HEAD_TEXT_CAP - POLICY_BYTES_MAX)
				wire_copy(s->staging.bytes + to, s->policy.out, length);
			else
				w->to = HEAD_TEXT_CAP;
		}
	} else if (bytes) {
		rewrite_context(s, line->carrier, to, bytes);
	}
	if (w->to != HEAD_TEXT_CAP)
		w->to = to + bytes;
	w->in = line->end;
	return 0;
}

/*
 * What of the head in s->text changes: to s->rewrite, and built in s->staging. `base` is where in the head the message
 * begins. Returns the bytes built, 0: nothing changes, or it cannot be done. REQUIRES: s->carriers is of this head.
 */
WIRE_GLOBAL __u32 http1_rewrite_build(struct scratch *s, __u32 base)
{
	struct rewrite *w;

	if (!s)
		return 0;
	w = &s->rewrite;
	w->base = base;
	w->from = w->end = 0;
	w->gone = w->baggage_gone = w->baggage_done = 0;
	bpf_loop(CARRIER_LINES_MAX, rewrite_plan_step, &s, 0);
	if (w->baggage && s->carriers.lines[CARRIER_BAGGAGE] == 0xff) /* some of them are not in s->carriers */
		w->baggage_unjudged = BAGGAGE_TOO_MUCH;
	if (w->from + 8 > w->end)
		return 0;
	w->in = w->from;
	w->to = 0;
	w->baggage_done = 0;
	bpf_loop(CARRIER_LINES_MAX, rewrite_build_step, &s, 0);
	rewrite_copy(s, w->end);
	return w->to < HEAD_TEXT_CAP ? w->to : 0;
}

#endif
