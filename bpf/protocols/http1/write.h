/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What was decided about an outgoing head is carried out in the message: lines added, values written over. */
#ifndef WEFT_PROTOCOLS_HTTP1_WRITE_H
#define WEFT_PROTOCOLS_HTTP1_WRITE_H

#include "lib/connection.h"
#include "lib/message_renew.h"
#include "protocols/http1/lines.h"
#include "protocols/http1/police.h"
#include "protocols/http1/rewrite.h"

/* The same to stand in place of a value of `room` bytes: spaces fill up in front, where every reader skips them. */
static __always_inline void http1_stage_over(struct scratch *s, __u32 room)
{
	__u32 pad = room - TRACEPARENT_BYTES;

#pragma unroll
	for (__u32 i = 0; i < 256; i += 8)
		wire_store64(s->staging.bytes + i, 0x2020202020202020ULL);
	WIRE_OPAQUE(pad);
	http1_stage_value(s, pad & 255);
}

/* Let go what precedes the head, and look at it again at offset 0. */
static __always_inline int http1_wait(struct message *message)
{
	message->cut = message->head_at;
	message->rolled_back = 1;
	return INJECTION_NO_BUDGET;
}

/* What an insertion has split becomes one element again, as far as it pays: several go out as several segments. */
static __always_inline void http1_linearise(struct sk_msg_md *m, struct message *message)
{
	__u32 linear = message->size <= MESSAGE_LINEAR_MAX ? message->size : message->offset;

	if (!message_pull(m, message, 0, linear))	    /* failing does no harm */
		message->windowed = linear < message->size; /* the window ends where the request for it did */
	if (message->offset < message->size && message_need(message->size, message->scatter) > message->space)
		message->cut = message->offset;
}

/* May anything be changed in this message, whose head ends at `end`? Zero: yes; else why not. */
static __always_inline __u32 http1_refuses_change(const struct message *message, __u32 end)
{
	if (message->zerocopy)
		return INJECTION_ZEROCOPY;
	if (message->shared)
		return INJECTION_SHARED_PAGES;
	return end > MESSAGE_FIRST_MAX ? INJECTION_TOO_LARGE : 0;
}

/* The head is rewritten beyond the one traceparent line that most forwarded requests have. */
static __always_inline bool http1_wants_rewrite(const struct http1 *h, const struct scratch *s)
{
	if (rewrite_polices(s))
		return true;
	return s->decision.over &&
	       ((h->flags & HTTP1_HAS_CARRIERS) || (!trusts_incoming(s) && has_lines(&h->tracestate)));
}

/*
 * Builds the lines that change (s->rewrite, s->staging). Returns the bytes built; 0: none. When a context has left with
 * an earlier send the others stay as well, so that they agree; when it cannot be built baggage goes out as it is.
 */
static __always_inline __u32 http1_build(const struct http1 *h, struct scratch *s, __u32 offset, __u32 *result)
{
	__u32 base = h->head_bytes > offset ? h->head_bytes - offset : 0, bytes;

	if (!(h->flags & HTTP1_HAS_CARRIERS))
		carriers_scan(&s->text, h->head_bytes, &s->carriers);
	bytes = http1_rewrite_build(s, base);
	if (s->rewrite.gone) {
		s->decision.over = 0;
		s->decision.writes &= ~WRITE_FORMATS;
		*result = INJECTION_SPLIT_HEAD;
		bytes = http1_rewrite_build(s, base);
	}
	return bytes;
}

/* Carries out s->decision and s->rewrite on the head that ends at message->offset. Returns what became of the contexts
 * (enum injection_result); rewrite_polices stays true when the baggage could not be changed. */
WIRE_GLOBAL int http1_write_head(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 writes, end, inserted = 0, result, value_at = 0, value_end = 0, built = 0, room = 0, refused;
	struct message *message;
	struct http1 *h;
	bool over;

	if (!c || !s)
		return INJECTION_HELPER_FAILED;
	message = &s->message;
	h = &s->half.http1;
	end = message->offset;
	result = s->decision.result;
	over = s->decision.over != 0;
	if (http1_wants_rewrite(h, s)) {
		built = http1_build(h, s, end, &result);
		room = s->rewrite.end - s->rewrite.from;
		if (over && s->decision.over && !built && s->rewrite.settled == 0)
			result = INJECTION_TOO_LARGE;
		over = false;
	} else if (over) {
		__u32 back = h->head_bytes - h->traceparent.start;

		value_at = end - back;
		value_end = value_at + h->traceparent.end - h->traceparent.start;
		if (back > end || value_end - value_at > 255 || value_end - value_at < TRACEPARENT_BYTES) {
			over = false;
			s->decision.writes &= ~WRITE_FORMATS;
			result = INJECTION_SPLIT_HEAD;
		}
	}
	writes = s->decision.writes & WRITE_LINES;
	if (writes && end < 2) {
		writes = 0;
		result = over ? result : INJECTION_SPLIT_BLANK_LINE;
	}
	if (!writes && !over && !built)
		return result;
	refused = http1_refuses_change(message, 0);
	if (refused)
		return refused;
	if (writes)
		inserted = http1_stage_lines(h, s, writes);
	/* Also for writing in place: a partial send would leave half an id, because the rest is sent again as it was.
	 */
	if (message_need(end + inserted + built - (built ? room : 0), message->scatter + (built > room ? 4 : 2)) >
	    message->space)
		return message->head_at > 0 ? http1_wait(message) : INJECTION_NO_BUDGET;
	if (end > MESSAGE_FIRST_MAX)
		return message->head_at > 0 ? http1_wait(message) : INJECTION_TOO_LARGE;
	if (!over && !built && message_renews(message, h->head_bytes, inserted) && !message_renew(m, s, inserted)) {
		message->size += inserted;
		message->offset += inserted;
		message->changed = 1;
		return result;
	}
	if (message->scatter > 1 && message_pull(m, message, 0, end)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return INJECTION_HELPER_FAILED;
	}
	if ((inserted || built > room) && !message_gather(m, message)) {
		if (!over)
			return INJECTION_SCATTER;
		inserted = 0;
	}
	/* From the back to the front: offsets before the change stay valid. */
	if (inserted) {
		if (message_insert(m, s, end - 2, inserted)) {
			result = INJECTION_HELPER_FAILED;
			inserted = 0;
		} else {
			message->size += inserted;
			message->offset += inserted;
			message->changed = 1;
		}
	}
	if (over) {
		http1_stage_over(s, value_end - value_at);
		result = message_overwrite(m, s, value_at, value_end) ? INJECTION_HELPER_FAILED : INJECTION_OVERWRITTEN;
	}
	if (built) {
		__u32 base = h->head_bytes > end ? h->head_bytes - end : 0;

		built = http1_rewrite_build(s, base); /* the lines to insert took its place */
		if (message_replace(m, s, end - h->head_bytes + s->rewrite.from, room, built)) {
			result = INJECTION_HELPER_FAILED;
		} else {
			message->size += built - room;
			message->offset += built - room;
			message->changed = 1;
			s->rewrite.baggage = s->rewrite.baggage_gone;
			s->rewrite.uber = 0;
		}
		message_look(m, message);
		if (built > room)
			inserted += built - room;
	}
	if (inserted)
		http1_linearise(m, message);
	return result;
}

/*
 * The message ends within a head of which lines are complete that have to change: that is done now, as the rest of the
 * head may come much later. What was written is kept for the exchange.
 */
WIRE_GLOBAL int http1_rewrite_early(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct message *message;
	__u32 built, room, end, last, result = 0;
	struct http1 *h;

	if (!c || !s)
		return 0;
	message = &s->message;
	h = &s->half.http1;
	end = message->offset;
	if (!s->decision.over && !rewrite_polices(s))
		return 0;
	built = http1_build(h, s, end, &result);
	room = s->rewrite.end - s->rewrite.from;
	if (!built || s->rewrite.gone || room < 8 || s->rewrite.baggage_unjudged == BAGGAGE_TOO_MUCH)
		return 0;
	/* What lies behind the last line that changes need not fit. */
	last = end - h->head_bytes + s->rewrite.end;
	if (http1_refuses_change(message, last) ||
	    message_need(last + built - room, message->scatter + (built > room ? 3 : 1)) > message->space ||
	    message->scatter > SCATTER_MAX ||
	    (built > room && message->scatter > 1 && message_pull(m, message, 0, last)))
		return 0;
	if (message_replace(m, s, end - h->head_bytes + s->rewrite.from, room, built))
		return 0;
	message->size += built - room;
	message->offset += built - room;
	message_look(m, message);
	if (built > room)
		http1_linearise(m, message);
	if (rewrite_polices(s))
		c->judged = s->carriers.begin;
	if (s->decision.over) {
		c->overwritten = s->carriers.begin;
		c->overwritten_parent = s->parent;
		__builtin_memcpy(c->overwritten_span_id, s->decision.span_id, 8);
	}
	return 0;
}

#endif
