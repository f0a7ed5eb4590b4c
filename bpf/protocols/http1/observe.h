/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Follows the HTTP/1.1 bytes of one finished system call (receive and send hooks): requests of servers and of clients
 * that are no members, responses of both. The caller has checked the position and fills in s->source, total, offset.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_OBSERVE_H
#define WEFT_PROTOCOLS_HTTP1_OBSERVE_H

#include "lib/answers.h"
#include "lib/connection.h"
#include "lib/source.h"
#include "protocols/http1/client.h"
#include "protocols/http1/half.h"
#include "protocols/http1/police.h"
#include "protocols/http1/server.h"

#define ASK_AGAIN_NS 1000000000ULL /* doubled with each time */
#define ASK_MOST 8u

static __always_inline void connection_wants_membership(struct connection *c)
{
	c->rejoins = 0;
	c->asked = 0;
	c->membership = c->role == ROLE_CLIENT ? MEMBER_JOINED : MEMBER_NO;
}

/* After an exchange: was it opened before its process was traced, or let go for a while? */
static __always_inline bool connection_may_join(const struct connection *c)
{
	return c->membership == MEMBER_WANTED || (c->rejoins && c->membership == MEMBER_RELEASED && !pending_count(c));
}

/* Again after a while, should the agent have missed it or the kernel have refused. */
static __always_inline void ask_for_membership(struct connection *c, struct scratch *s)
{
	struct process_entry *p = process_get(c->owner_tgid);
	__s32 fd;

	if (s->program != PROGRAM_RECEIVE || !p || (p->flags & PROCESS_NEVER_ENROL) || c->asked >= ASK_MOST ||
	    (c->asked && s->now_ns - c->asked_ns < ASK_AGAIN_NS << (c->asked & 7)))
		return;
	fd = receiving_descriptor();
	if (fd < 0)
		return;
	c->asked_ns = s->now_ns;
	c->asked++;
	emit_socket(c, s, SOCKET_ENROL, 0, fd);
}

/*
 * A response is complete on a connection that was not followed, or no member, all the time. Seldom; a function of its
 * own for the verifier.
 */
WIRE_GLOBAL int http1_answer_joins(struct connection *c, struct scratch *s)
{
	if (!c || !s)
		return 0;
	if (c->joining || (c->blind && !c->receive.parked && !c->send.parked && !c->answers_lost))
		blind_ends(c);
	c->joining = 0;
	if (connection_may_join(c))
		connection_wants_membership(c);
	if (c->membership == MEMBER_JOINED)
		ask_for_membership(c, s);
	return 0;
}

/* The final response to the oldest pending request is complete. */
static __always_inline void http1_answered(struct connection *c, struct scratch *s, __u32 end, bool head_at_hand)
{
	__u32 text = 0;

	if (setting(SETTING_RESPONSE_TEXT) && (head_at_hand || c->answer_kept)) {
		text = c->answer_head_bytes;
		if (c->answer_kept) {
			if (!partial_load(partial_key(c->id, s->outgoing), &s->text, text))
				text = 0;
			partial_drop(partial_key(c->id, s->outgoing));
		}
		if (text > settings.header_bytes)
			text = settings.header_bytes;
	}
	c->answer_kept = 0;
	pending_finish(c, s, end, text);
	if (c->joining || c->blind || c->rejoins || c->membership == MEMBER_JOINED || c->membership == MEMBER_WANTED)
		http1_answer_joins(c, s);
}

WIRE_GLOBAL int http1_response_head(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct half *half, *other;
	struct pending *pending;
	struct http1 *h;
	__u32 method, event;

	if (!c || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	half = s->outgoing ? &c->send : &c->receive;
	other = s->outgoing ? &c->receive : &c->send;
	h = &half->http1;
	if (!http1_is_final(h)) {
		h->state = HTTP1_START;
		return 0;
	}
	pending = pending_at(c, c->pending_begin);
	method = pending->method;
	c->answer_begun = 1;
	c->first_byte_ns = s->now_ns;
	c->status = h->status;
	c->answer_head_bytes = h->head_bytes < 0xffff ? h->head_bytes : 0xffff;
	c->answer_kept = 0;
	event = http1_response_follows(h, method);
	if (h->status == 101 || (method == HTTP1_METHOD_CONNECT && h->status < 300)) {
		http1_answered(c, s, END_UPGRADED, true);
		/* With other's body still to come the first bytes of what follows cannot be told from it. */
		if (h->status == 101 && c->upgrade == UPGRADE_ASKED && !pending_count(c) &&
		    other->http1.state == HTTP1_START) {
			h->state = HTTP1_START;
			c->protocol = PROTOCOL_UNKNOWN;
			c->upgrade = UPGRADE_DONE;
			return 0;
		}
		park(c, half, s, PARK_UPGRADE);
		park(c, other, s, PARK_UPGRADE);
		return 0;
	}
	/* Behind an answer that lasts until the end there is no request. */
	if (pending->ends_protocol && h->state != HTTP1_BODY_UNTIL_CLOSE)
		c->upgrade = UPGRADE_NONE;
	if (event == HTTP1_END)
		http1_answered(c, s, END_COMPLETE, true);
	else if (setting(SETTING_RESPONSE_TEXT))
		c->answer_kept = !partial_save(partial_key(c->id, s->outgoing), &s->text, h->head_bytes);
	return 0;
}

static __always_inline int http1_request_head(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct half *half;
	struct http1 *h;
	bool ends;

	if (!c || !s || !p)
		return 0;
	half = s->outgoing ? &c->send : &c->receive;
	h = &half->http1;
	if (c->role == ROLE_UNKNOWN)
		c->role = s->outgoing ? ROLE_CLIENT : ROLE_SERVER;
	c->protocol = PROTOCOL_HTTP1;
	ends = h->method == HTTP1_METHOD_CONNECT || (h->flags & HTTP1_HAS_UPGRADE);
	if (ends) /* before the answer can be expected */
		c->upgrade = UPGRADE_ASKED;
	if (c->joining) {
		pending_push(c, s, 0, h->method, ends, false, false);
	} else if (c->role == ROLE_SERVER) {
		if (answer_headers && !c->encrypted)
			answers_request(c, s, p);
		http1_server_request(c, h, s, p);
	} else {
		__u32 result = c->membership == MEMBER_RELEASED ? INJECTION_BULK
			       : c->membership == MEMBER_JOINED ? INJECTION_JOINING
								: INJECTION_NOT_MEMBER;

		if (c->overwritten) { /* by sk_msg, before the socket was let go in the middle of this head */
			http1_decided_early(c, h, s);
			result = INJECTION_OVERWRITTEN;
		} else {
			http1_decide(c, h, s, p);
			if (s->decision.result != INJECTION_DONE && s->decision.result != INJECTION_OVERWRITTEN)
				result = s->decision.result;
		}
		s->rewrite.again = s->rewrite.base = 0;
		http1_police_uber(c, h, s, p);
		http1_police(c, h, s, p, 0);
		c->overwritten = c->judged = 0;
		if (rewrite_polices(s) || s->rewrite.baggage_unjudged)
			http1_unenforced(c, s, INJECTION_NOT_MEMBER);
		http1_client_request(c, h, s, result);
	}
	http1_request_follows(h);
	return 0;
}

/* A message begins: whose turn is it? False: nothing is expected on this side. */
static __always_inline bool http1_message_begins(struct connection *c, struct scratch *s, struct half *half)
{
	bool response = s->outgoing ? c->role == ROLE_SERVER : c->role == ROLE_CLIENT;

	if (response && !pending_count(c)) {
		/* A response to a request that was not followed, or a protocol where the server speaks first. */
		park(c, half, s, c->protocol == PROTOCOL_UNKNOWN ? PARK_NOT_HTTP : PARK_BAD_FRAMING);
		return false;
	}
	if (!response && c->upgrade) {
		park(c, half, s, PARK_UPGRADE);
		server_goes_blind(c); /* it may be a request all the same */
		return false;
	}
	half->http1.is_response = response;
	half->body_bytes = 0;
	s->text_loaded = 1;
	return true;
}

/* One step through the bytes of the call. 1 = stop. */
WIRE_GLOBAL int http1_observe_step(struct connection *c, struct scratch *s, struct process_entry *p)
{
	enum http1_event event = HTTP1_MORE;
	__u32 rest, to, most, got, stop;
	struct half *half;
	struct http1 *h;

	if (!c || !s || !p)
		return 1;
	half = s->outgoing ? &c->send : &c->receive;
	h = &half->http1;
	rest = s->total - s->offset;
	if (!rest || rest > 0x7fffffff || half->parked || c->upgrade == UPGRADE_DONE)
		return 1;
	if (http1_in_data(h)) {
		got = http1_skip_data(h, rest, &event);
		s->offset += got;
		half->body_bytes += got;
	} else {
		if (h->state == HTTP1_START && !http1_message_begins(c, s, half))
			return 1;
		if (!http1_text_resume(c, s, half)) {
			count_fault(s->program, FAULT_HEAD_LOST);
			park(c, half, s, PARK_HELPER_FAILED);
			return 1;
		}
		to = http1_text_position(h);
		most = h->state > HTTP1_BLANK_LF ? 64 : h->state == HTTP1_START ? 1024 : HTTP1_WINDOW;
		got = source_read(&s->source, s->offset, &s->text, to, rest < most ? rest : most);
		if (!got) {
			if (s->source.count)
				count_fault(s->program, FAULT_USER_READ);
			park(c, half, s, PARK_UNSEEN_BYTES);
			return 1;
		}
		stop = http1_scan(h, &s->text, to, to + got);
		event = stop & 7;
		s->offset += (stop >> 3) - to;
	}
	if (event == HTTP1_BAD) {
		park(c, half, s, c->protocol == PROTOCOL_UNKNOWN ? PARK_NOT_HTTP : PARK_BAD_FRAMING);
		return 1;
	}
	if (event == HTTP1_HEAD) {
		if (h->is_response) {
			http1_response_head(c, s, p);
		} else {
			if (h->flags & HTTP1_HAS_CARRIERS)
				http1_read_contexts(h, s);
			http1_request_head(c, s, p);
		}
	} else if (h->is_response) {
		if (event == HTTP1_END)
			http1_answered(c, s, END_COMPLETE, false);
	} else {
		http1_request_body(c, half);
	}
	return 0;
}

static long http1_observe_loop(__u32 i, void *arg)
{
	struct observe_run *run = arg;
	unsigned long stop = http1_observe_step(run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* All bytes of the call were looked at: a head that goes on is kept. A function of its own for the stack of its
 * callers.
 */
WIRE_GLOBAL int http1_observed(struct connection *c, struct scratch *s)
{
	struct half *half;
	__u32 bytes;

	if (!c || !s)
		return 0;
	half = s->outgoing ? &c->send : &c->receive;
	if (half->parked || !half->known || c->upgrade == UPGRADE_DONE) /* not known: joining failed this time */
		return 0;
	if (s->offset < s->total) {
		park(c, half, s, PARK_LIMIT);
		return 0;
	}
	if (!http1_in_head(&half->http1))
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	bytes = half->http1.head_bytes < HEAD_TEXT_CAP ? half->http1.head_bytes : HEAD_TEXT_CAP;
	if (partial_save(partial_key(c->id, s->outgoing), &s->text, bytes)) {
		count_fault(s->program, FAULT_HEAD_LOST);
		park(c, half, s, PARK_HELPER_FAILED);
	}
	return 0;
}

static __always_inline void http1_observe(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct observe_run run = {.connection = c, .scratch = s, .process = p};

	bpf_loop(1 << 20, http1_observe_loop, &run, 0);
	http1_observed(c, s);
}

#endif
