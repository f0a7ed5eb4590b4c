/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Follows the Kafka bytes of one finished system call (receive and send hooks). The caller has checked the position and
 * fills in s->source, total, offset.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_OBSERVE_H
#define WEFT_PROTOCOLS_KAFKA_OBSERVE_H

#include "lib/source.h"
#include "protocols/kafka/produce.h"

static __always_inline __u32 kafka_get(struct scratch *s, struct head_text *text, __u32 to, __u32 most)
{
	__u32 rest = s->total - s->offset;

	return source_read(&s->source, s->offset, text, to, rest < most ? rest : most);
}

/* What this call has of a Produce request whose head is in s->staging, into w->text; from several pieces of memory. */
WIRE_GLOBAL int kafka_call_prefix(struct scratch *s, struct kafka_work *w)
{
	__u32 offset, segment, segment_start, more, have = KAFKA_REQUEST_HEAD;

	if (!s || !w)
		return 0;
	offset = s->offset;
	segment = s->source.segment;
	segment_start = s->source.segment_start;
	more = s->source.more;
	s->source.more = 0; /* no further than what is kept of the call, so that there is a way back */
	wire_store64(s->text.bytes, wire_load64(s->staging.bytes));
	wire_store64(s->text.bytes + 8, wire_load64(s->staging.bytes + 8));
	for (__u32 i = 0; i < 6; i++) {
		__u32 got =
		    have < KAFKA_PREFIX && s->offset < s->total ? kafka_get(s, &s->text, have, KAFKA_PREFIX - have) : 0;

		if (!got)
			break;
		have += got;
		s->offset += got;
	}
	s->offset = offset; /* and the cursor with it */
	s->source.segment = segment;
	s->source.segment_start = segment_start;
	s->source.more = more;
	wire_copy(w->text.bytes, s->text.bytes, KAFKA_PREFIX);
	w->have = have < w->length ? have : w->length;
	kafka_produce_skim(w);
	return 0;
}

/*
 * A Produce request of a socket that is no member: seen, not changed. Of a connection that is being joined it is only
 * known whether there is an answer to wait for.
 */
static __always_inline void kafka_produce_seen(struct connection *c, struct scratch *s, struct kafka *k,
					       struct process_entry *p)
{
	__u32 result = c->membership == MEMBER_RELEASED ? INJECTION_BULK
		       : c->membership == MEMBER_JOINED ? INJECTION_JOINING
							: INJECTION_NOT_MEMBER;
	bool joining = c->joining;
	struct kafka_slot *slot;

	if (!joining) {
		kafka_callers_forget(s); /* its records are not read */
		kafka_decide(c, s, p);
		if (s->decision.result != INJECTION_DONE)
			result = s->decision.result;
		s->decision.attribution = ATTRIBUTION_NONE; /* what its records carry is not known */
	}
	slot = kafka_claim();
	if (!slot) {
		if (joining)
			return;
		kafka_request_add(c->id, k->correlation_id, kafka_api_of(k), 0);
		kafka_tell(c, k, s, NULL, result);
		return;
	}
	slot->work.length = k->frame_bytes + KAFKA_LENGTH_BYTES;
	slot->work.new_length = slot->work.told = slot->work.claims = 0;
	kafka_call_prefix(s, &slot->work);
	if (slot->work.acks) /* first: it has left, and another thread may have its answer any moment */
		kafka_request_add(c->id, k->correlation_id, kafka_api_of(k), joining ? KAFKA_ADD_UNTOLD : 0);
	if (!joining)
		kafka_tell(c, k, s, &slot->work, result);
	kafka_release(slot);
}

/* Bytes of a frame's head. Negative: this is not Kafka; 1: the head is there, in s->staging. */
WIRE_GLOBAL int kafka_observe_head(struct connection *c, struct scratch *s)
{
	__u32 have, wanted, got;
	struct kafka *k;

	if (!c || !s)
		return -1;
	k = s->outgoing ? &c->send.kafka : &c->receive.kafka;
	wanted = kafka_head_wanted(!s->outgoing);
	have = k->have;
	WIRE_OPAQUE(have);
	have &= 15;
	if (k->state == KAFKA_HEAD)
		__builtin_memcpy(s->staging.bytes, k->small, sizeof(k->small));
	got = have < wanted ? kafka_get(s, &s->staging, have, wanted - have) : 0;
	if (!got)
		return -1;
	s->offset += got;
	return kafka_head_came(k, s, have + got, wanted);
}

WIRE_GLOBAL int kafka_observe_bytes(struct connection *c, struct scratch *s)
{
	struct kafka *k;
	__u32 n;

	if (!c || !s)
		return -1;
	k = s->outgoing ? &c->send.kafka : &c->receive.kafka;
	n = s->total - s->offset;
	if (k->state == KAFKA_KEEP) {
		n = kafka_get(s, &s->text, 0, k->keep < HEAD_SENT_MAX ? k->keep : HEAD_SENT_MAX);
		if (!n)
			return -1;
		kafka_kept_bytes(c, s, k, n);
	} else {
		if (n > k->left)
			n = k->left;
		kafka_took(k, n);
	}
	s->offset += n;
	return 0;
}

/* One step through the bytes of the call. 1 = stop. */
WIRE_GLOBAL int kafka_observe_step(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct half *half;
	struct kafka *k;
	__u32 rest;
	int event;

	if (!c || !s || !p)
		return 1;
	s = scratch_again(s);
	if (!s)
		return 1;
	half = s->outgoing ? &c->send : &c->receive;
	k = &half->kafka;
	rest = s->total - s->offset;
	if (!rest || rest > 0x7fffffff || half->parked)
		return 1;
	if (k->state == KAFKA_KEEP || k->state == KAFKA_SKIP) {
		event = kafka_observe_bytes(c, s);
	} else {
		event = kafka_observe_head(c, s);
		if (event > 0 && !s->outgoing)
			event = kafka_response(c, s, k, s->staging.bytes) ? 0 : -1;
		else if (event > 0 && k->api_key == KAFKA_PRODUCE)
			kafka_produce_seen(c, s, k, p);
		else if (event > 0)
			event = kafka_request(c, s, k, s->staging.bytes) ? 0 : -1;
	}
	if (event >= 0)
		return 0;
	park(c, half, s, s->source.count ? PARK_BAD_FRAMING : PARK_UNSEEN_BYTES);
	return 1;
}

static long kafka_observe_loop(__u32 i, void *arg)
{
	struct observe_run *run = arg;
	unsigned long stop = kafka_observe_step(run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* A function of its own: what it has on the stack would be in every chain of its caller's. */
WIRE_GLOBAL int kafka_observed(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct observe_run run = {.connection = c, .scratch = s, .process = p};
	struct half *half;

	if (!c || !s || !p)
		return 0;
	bpf_loop(1 << 16, kafka_observe_loop, &run, 0);
	half = s->outgoing ? &c->send : &c->receive;
	if (half->known && !half->parked && s->offset < s->total) /* the first: joining failed this time */
		park(c, half, s, PARK_LIMIT);
	return 0;
}

static __always_inline void kafka_observe(struct connection *c, struct scratch *s, struct process_entry *p)
{
	kafka_observed(c, s, p);
}

/* The first call of a connection: is it a Kafka client's? */
WIRE_GLOBAL int kafka_recognise_call(struct connection *c, struct scratch *s)
{
	__u32 got;

	if (!c || !s || s->offset || !s->outgoing)
		return 0;
	got = kafka_get(s, &s->staging, 0, KAFKA_CONTINUES_BYTES);
	return got >= KAFKA_REQUEST_HEAD && kafka_recognise(c, s, s->staging.bytes, got, s->total);
}

#endif
