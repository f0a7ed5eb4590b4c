/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/1.1 requests of a member socket, seen before they leave: framed, decided, changed. Works on a copy of the send
 * half, so that a head that has to wait for room can be looked at again from its first byte.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_INJECT_H
#define WEFT_PROTOCOLS_HTTP1_INJECT_H

#include "protocols/http1/client.h"
#include "protocols/http1/half.h"
#include "protocols/http1/write.h"

/* The head at hand is complete and decided. 1 = stop. */
WIRE_GLOBAL int http1_message_head(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	struct message *message;
	__u32 result;
	struct http1 *h;
	bool early;

	if (!c || !s || !p)
		return 1;
	message = &s->message;
	h = &s->half.http1;
	early = c->overwritten != 0;
	result = s->decision.result;
	if (s->decision.writes || s->decision.over || rewrite_polices(s))
		result = http1_write_head(m, c, s);
	if (message->rolled_back) {
		h->state = HTTP1_START;
		return 1;
	}
	c->protocol = PROTOCOL_HTTP1;
	if (rewrite_polices(s) || s->rewrite.baggage_unjudged)
		http1_unenforced(c, s, result);
	if (!(s->decision.writes || s->decision.over) && result != INJECTION_SPLIT_HEAD)
		result = s->decision.result;
	if (early)
		result = INJECTION_OVERWRITTEN;
	c->overwritten = c->judged = 0;
	message->heads++;
	if (c->role == ROLE_UNKNOWN)
		c->role = ROLE_CLIENT;
	http1_client_request(c, h, s, result);
	http1_request_follows(h);
	if (h->method == HTTP1_METHOD_CONNECT || (h->flags & HTTP1_HAS_UPGRADE))
		c->upgrade = UPGRADE_ASKED;
	return message->cut != 0;
}

/*
 * The contexts of a head that goes on: nothing is left to be done about them until it is complete. A function of its
 * own for the stack of on_message.
 */
WIRE_GLOBAL int http1_decided_before(const struct connection *c, struct scratch *s)
{
	if (!c || !s)
		return 0;
	s->parent = c->overwritten_parent;
	s->decision.attribution = ATTRIBUTION_CARRIED;
	s->decision.over = s->decision.writes = 0;
	return 0;
}

/* What is to become of the head in s->text, which may be incomplete: s->decision and s->rewrite. */
static __always_inline void http1_judge(struct connection *c, struct http1 *h, struct scratch *s,
					struct process_entry *p, bool complete)
{
	__u32 base = h->head_bytes > s->message.offset ? h->head_bytes - s->message.offset : 0;

	if (h->flags & HTTP1_HAS_CARRIERS)
		http1_read_contexts(h, s);
	s->rewrite.settled = c->overwritten;
	s->rewrite.again = !complete;
	s->rewrite.base = base;
	if (!c->overwritten)
		http1_decide(c, h, s, p);
	else if (complete)
		http1_decided_early(c, h, s);
	else
		http1_decided_before(c, s);
	http1_police_uber(c, h, s, p);
	http1_police(c, h, s, p, base);
}

/*
 * Lines of a head that goes on are changed when they have to, and this counts as their judgement: it is made once more
 * for that, as it is not known before.
 */
static __always_inline void http1_change_early(struct sk_msg_md *m, struct connection *c, struct http1 *h,
					       struct scratch *s, struct process_entry *p)
{
	__u32 base = h->head_bytes > s->message.offset ? h->head_bytes - s->message.offset : 0;
	__u32 before = c->judged, judged;

	http1_rewrite_early(m, c, s);
	judged = c->judged;
	if (judged == before)
		return;
	c->judged = before;
	s->rewrite.again = 0;
	s->rewrite.base = base;
	if (h->flags & HTTP1_HAS_CARRIERS)
		http1_read_contexts(h, s);
	http1_police_uber(c, h, s, p);
	http1_police(c, h, s, p, base);
	c->judged = judged;
}

/* One step through the message. 1 = stop. */
WIRE_GLOBAL int http1_message_step(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	enum http1_event event = HTTP1_MORE;
	struct message *message;
	__u32 to, got, stop;
	struct http1 *h;

	if (!c || !s || !p)
		return 1;
	message = &s->message;
	h = &s->half.http1;
	if (message->offset >= message->size || message->offset > 0xfffffff)
		return 1;
	if (http1_in_data(h)) {
		got = http1_skip_data(h, message->size - message->offset, &event);
		message->offset += got;
		message->body += got;
		s->half.body_bytes += got;
		http1_request_body(c, &s->half);
		return 0;
	}
	if (h->state == HTTP1_START) {
		if (c->upgrade) {
			message->failed = PARK_UPGRADE;
			return 1;
		}
		h->is_response = 0;
		s->half.body_bytes = 0;
		s->text_loaded = 1;
		message->head_at = message->offset;
	}
	if (!http1_text_resume(c, s, &s->half)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		message->failed = PARK_HELPER_FAILED;
		return 1;
	}
	to = http1_text_position(h);
	got = message_load(m, &s->message, &s->text, to,
			   h->state > HTTP1_BLANK_LF ? 64
			   : h->state == HTTP1_START ? 1024
						     : HTTP1_WINDOW);
	if (!got) {
		message->failed = PARK_HELPER_FAILED;
		return 1;
	}
	stop = http1_scan(h, &s->text, to, to + got);
	event = stop & 7;
	message->offset += (stop >> 3) - to;
	if (event == HTTP1_BAD) {
		message->failed = c->protocol == PROTOCOL_UNKNOWN ? PARK_NOT_HTTP : PARK_BAD_FRAMING;
		return 1;
	}
	if (event != HTTP1_HEAD)
		return 0;
	http1_judge(c, h, s, p, true);
	return http1_message_head(m, c, s, p);
}

static long http1_message_loop(__u32 i, void *arg)
{
	struct message_run *run = arg;
	unsigned long stop = http1_message_step(run->message, run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/*
 * All of the message was looked at, or as much of it as can be for now: a head that goes on is kept. A function of its
 * own for the stack of on_message.
 */
WIRE_GLOBAL int http1_message_over(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	struct message *message;
	__u32 bytes;

	if (!c || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	message = &s->message;
	if (!message->failed && !message->cut && message->offset < message->size)
		message->failed = PARK_LIMIT;
	if (message->failed || !http1_in_head(&s->half.http1))
		return 0;
	if (s->half.http1.traceparent.end || s->half.http1.baggage.count ||
	    (s->half.http1.flags & HTTP1_HAS_CARRIERS)) {
		http1_judge(c, &s->half.http1, s, p, false);
		http1_change_early(m, c, &s->half.http1, s, p);
	}
	bytes = s->half.http1.head_bytes < HEAD_TEXT_CAP ? s->half.http1.head_bytes : HEAD_TEXT_CAP;
	if (partial_save(partial_key(c->id, true), &s->text, bytes)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		message->failed = PARK_HELPER_FAILED;
	}
	return 0;
}

/* Parses and changes [message->offset, message->size) of the message; s->half is the state at message->offset. */
static __always_inline int http1_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					 struct process_entry *p)
{
	struct message_run run = {.message = m, .connection = c, .scratch = s, .process = p};

	bpf_loop(1 << 20, http1_message_loop, &run, 0);
	return http1_message_over(m, c, s, p);
}

#endif
