/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Frames of a Kafka client's connection, however their bytes come: what of them goes up, and which response belongs to
 * which request. A connection is Kafka for certain only when a response had the correlation id of a request.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_FRAMES_H
#define WEFT_PROTOCOLS_KAFKA_FRAMES_H

#include "lib/connection.h"
#include "maps/kafka.h"
#include "protocols/http1/observe.h"
#include "wire/kafka_answer.h"

/* Responses to nothing before the first that answers a request: its request may not have been seen yet. */
#define KAFKA_STRANGE_MOST 4u

/* Responses in a row that answer what was seen to be asked, before a connection in mid-life is taken for Kafka's. */
#define KAFKA_ANSWERS_JOIN 2u
/* A longer response that answers nothing ends the attempt: it may be the middle of another one. */
#define KAFKA_JOIN_STEP (1u << 20)

static __always_inline void kafka_begin(struct connection *c)
{
	__builtin_memset(&c->send.kafka, 0, sizeof(c->send.kafka));
	__builtin_memset(&c->receive.kafka, 0, sizeof(c->receive.kafka));
	c->role = ROLE_CLIENT;
	c->protocol = PROTOCOL_KAFKA;
}

/*
 * A connection is joined in mid-life. All that was received had been read, so a response begins with the next byte, if
 * the last one had come whole; if it does not, the first error ends the attempt.
 */
static __always_inline bool kafka_join(struct connection *c, struct scratch *s, const __u8 *p, __u32 seen, __u32 have)
{
	if (c->receive.known || c->role == ROLE_SERVER || !kafka_continues(p, seen, have) || !half_claim(&c->receive))
		return false;
	kafka_begin(c);
	c->receive.next_seq = s->other_seq;
	c->receive.known = 1;
	half_release(&c->receive);
	return true;
}

/*
 * Is this the beginning of a Kafka client's connection? `seen` bytes of its first send are at `p`, at least
 * KAFKA_REQUEST_HEAD, of `have` in all. Either way it is sure only later: see kafka_response. Where something was
 * received before, it is not: answers of a broker look like requests.
 */
static __always_inline bool kafka_recognise(struct connection *c, struct scratch *s, const __u8 *p, __u32 seen,
					    __u32 have)
{
	if (c->receive.parked || c->send.parked || (c->role != ROLE_CLIENT && c->role != ROLE_UNKNOWN) ||
	    pending_count(c) || c->send.http1.state != HTTP1_START || c->receive.http1.state != HTTP1_START)
		return false;
	if (c->joining)
		return kafka_join(c, s, p, seen, have);
	if (c->receive.moved || !kafka_opens(p, have))
		return false;
	kafka_begin(c);
	return true;
}

/* `bytes` of the frame at hand, in s->text, go up. REQUIRES: k->offset is where they begin. */
WIRE_GLOBAL int kafka_emit(struct connection *c, struct scratch *s, struct kafka *k, __u32 bytes)
{
	struct kafka_event *e;
	__u64 text = bytes;
	__u32 end;

	if (!c || !s || !k)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	e = &s->event.kafka;
	end = k->offset + bytes;
	__builtin_memset(e, 0, sizeof(*e));
	e->header.type = EVENT_KAFKA;
	e->header.time_ns = s->now_ns;
	e->connection_id = c->id;
	e->sequence = k->sequence;
	e->frame_bytes = k->frame_bytes;
	e->offset = k->offset;
	e->correlation_id = k->correlation_id;
	e->api_key = k->api_key;
	e->api_version = k->api_version;
	e->tgid = s->pid_tgid >> 32;
	e->tid = (__u32)s->pid_tgid;
	__builtin_memcpy(e->local_address, c->local_address, 16);
	__builtin_memcpy(e->peer_address, c->peer_address, 16);
	e->local_port = c->local_port;
	e->peer_port = c->peer_port;
	e->role = c->role;
	if (!s->outgoing)
		e->facts |= KAFKA_RESPONSE;
	if (end >= k->frame_bytes)
		e->facts |= KAFKA_LAST;
	else if (bytes >= k->keep)
		e->facts |= KAFKA_LAST | KAFKA_CUT;
	WIRE_OPAQUE(text);
	if (text > HEAD_SENT_MAX)
		text = HEAD_SENT_MAX;
	e->text_bytes = text;
	/* The agent is to make room for requests before the first ones come. */
	ring_put_with(&e->header, sizeof(*e) + text,
		      late_table(&kafka_more_slots) ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The frame that has just begun goes up as far as it is of interest; its head, at `small`, is part of it. */
static __always_inline void kafka_keep(struct connection *c, struct scratch *s, struct kafka *k, const __u8 *small,
				       __u32 most)
{
	__u32 head = k->offset;

	if (!most)
		return;
	k->sequence++;
	wire_store64(s->text.bytes, wire_load64(small + KAFKA_LENGTH_BYTES));
	wire_store64(s->text.bytes + 8, wire_load64(small + KAFKA_LENGTH_BYTES + 8));
	if (most < head)
		most = head;
	k->keep = most;
	k->offset = 0;
	kafka_emit(c, s, k, head);
	k->offset = head;
	k->keep = most - head;
	if (k->keep > k->left)
		k->keep = k->left;
	if (k->keep)
		k->state = KAFKA_KEEP;
}

/* `have` bytes of a frame's head, of `wanted`, are in s->staging. Negative: this is not Kafka; 1: the head is there. */
static __always_inline int kafka_head_came(struct kafka *k, struct scratch *s, __u32 have, __u32 wanted)
{
	if (have == wanted)
		return kafka_frame_begins(k, s->staging.bytes, !s->outgoing) ? 1 : -1;
	__builtin_memcpy(k->small, s->staging.bytes, sizeof(k->small));
	k->have = have;
	k->state = KAFKA_HEAD;
	return 0;
}

static __always_inline __u32 kafka_api_of(const struct kafka *k)
{
	return (__u32)k->api_key << 16 | k->api_version;
}

/* A response has come whose request is known. */
static __always_inline void kafka_answered(struct connection *c, struct scratch *s, struct kafka *k)
{
	if (c->joining) {
		/* One after the other: answers of a broker look like requests of one number, over and over. */
		k->answers = k->answers && (__s32)(k->correlation_id - k->answered) > 0 ? k->answers + 1 : 1;
		k->answered = k->correlation_id;
		if (k->answers < KAFKA_ANSWERS_JOIN)
			return;
		c->joining = 0;
		blind_ends(c);
	}
	if (c->membership == MEMBER_WANTED)
		connection_wants_membership(c);
	if (c->membership == MEMBER_JOINED)
		ask_for_membership(c, s);
}

/* A response has begun: whose is it? False: this is not Kafka. */
static __always_inline bool kafka_response(struct connection *c, struct scratch *s, struct kafka *k, const __u8 *small)
{
	__u64 request = kafka_request_take(c->id, k->correlation_id);

	if (!request) {
		if (c->joining) { /* of a request from before, or no response at all */
			k->answers = 0;
			return k->frame_bytes <= KAFKA_JOIN_STEP && ++k->strange <= KAFKA_STRANGE_MOST;
		}
		if (!k->confirmed)
			return ++k->strange <= KAFKA_STRANGE_MOST;
		count_fault(s->program, FAULT_PIPELINE);
		return true;
	}
	k->confirmed = 1;
	k->matched = 1;
	k->changed = (request & KAFKA_REQUEST_CHANGED) != 0;
	k->api_key = (__u16)(request >> 16);
	k->api_version = (__u16)request;
	if (!c->joining && !(request & KAFKA_REQUEST_UNTOLD))
		kafka_keep(c, s, k, small, kafka_kept(k->api_key, true));
	kafka_answered(c, s, k);
	return true;
}

/* A request other than Produce has begun. False: what follows cannot be read. */
static __always_inline bool kafka_request(struct connection *c, struct scratch *s, struct kafka *k, const __u8 *small)
{
	bool joining = c->joining; /* which another thread may end */

	kafka_request_add(c->id, k->correlation_id, kafka_api_of(k), joining ? KAFKA_ADD_UNTOLD : 0);
	if (k->api_key == KAFKA_SASL_HANDSHAKE && k->api_version == 0)
		return false; /* bare tokens follow */
	if (joining)
		return true;
	kafka_keep(c, s, k, small, kafka_kept(k->api_key, false));
	return true;
}

/* Bytes of a kept frame are in s->text. An answer that comes in pieces is not judged, and so counts as a refusal. */
static __always_inline void kafka_kept_bytes(struct connection *c, struct scratch *s, struct kafka *k, __u32 bytes)
{
	if (!s->outgoing && k->changed && k->api_key == KAFKA_PRODUCE &&
	    k->offset == KAFKA_RESPONSE_HEAD - KAFKA_LENGTH_BYTES &&
	    (bytes < k->left || kafka_answer_refuses(&s->text, bytes, k->api_version)))
		k->refused = 1;
	kafka_emit(c, s, k, bytes);
	kafka_took(k, bytes);
}

#endif
