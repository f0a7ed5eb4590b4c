/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Kafka requests of a member socket, seen before they leave. A Produce request that is whole in its send, at the front
 * of it, and not compressed is built anew with headers in its records; everything else passes as it is. Works on a copy
 * of the send half, so that a request that has to come to the front can be looked at again.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_INJECT_H
#define WEFT_PROTOCOLS_KAFKA_INJECT_H

#include "lib/message_rebuild.h"
#include "protocols/kafka/topics.h"
#include "protocols/kafka/produce.h"

/*
 * Nothing is known of whom the records are for, because they cannot be read? Of a process whose records are noted that
 * is why, whatever it serves; else it would not be known of others either.
 */
static __always_inline bool kafka_unread_is_why(const struct process_entry *p, const struct scratch *s)
{
	return s->decision.result == INJECTION_NO_TASK && (p->findings & FINDING_KAFKA_NOTED);
}

/* Why this Produce request stays as it is, before it is looked into; 0: no reason. */
static __always_inline __u32 kafka_stays(const struct connection *c, const struct scratch *s, const struct kafka *k)
{
	const struct message *message = &s->message;
	__u32 length = k->frame_bytes + KAFKA_LENGTH_BYTES;

	if (!c->receive.kafka.confirmed)
		return INJECTION_JOINING;
	if (c->receive.kafka.refused || c->receive.parked)
		return INJECTION_REFUSED;
	if (k->api_version < KAFKA_PRODUCE_CHANGED || k->api_version > KAFKA_PRODUCE_LAST)
		return INJECTION_OLD_FORMAT;
	if (message->head_at < 0 || length > message->size - message->head_at)
		return INJECTION_NOT_WHOLE;
	if (length > KAFKA_CAP)
		return INJECTION_TOO_LARGE;
	if (message->zerocopy)
		return INJECTION_ZEROCOPY;
	return message->shared ? INJECTION_SHARED_PAGES : 0;
}

/*
 * The request at the message's front is in w->text, and what its records are given is staged: it is changed when it can
 * be. Returns an enum injection_result; 0: as was decided.
 */
static __always_inline __u32 kafka_change(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					  struct process_entry *p, struct kafka_work *w)
{
	struct message *message;
	__u32 unfit;

	if (!c || !s || !w)
		return INJECTION_HELPER_FAILED;
	message = &s->message;
	kafka_produce_fit(w);
	if (w->own_baggage) /* it passes no judgement yet */
		baggage_unenforced(c, s, INJECTION_OWN_HEADER);
	unfit = kafka_unfit(w);
	if (unfit) /* they were not read, or have contexts of their own */
		w->claims = 0;
	if (!w->adds)
		return unfit && kafka_unread_is_why(p, s) ? unfit : 0;
	if (unfit)
		return unfit;
	if (!kafka_rebuild(w))
		return INJECTION_TOO_LARGE;
	if (w->new_length <= w->length) {
		w->new_length = 0;
		return INJECTION_OWN_HEADER; /* what it would lose is longer than what it is given */
	}
	if (message_need(w->new_length, message->scatter + 2) > message->space) {
		w->new_length = 0;
		return INJECTION_NO_BUDGET;
	}
	if (message->scatter > SCATTER_MAX) {
		w->new_length = 0;
		return INJECTION_SCATTER;
	}
	if (message_rebuild(m, s, w)) {
		w->new_length = 0;
		return INJECTION_HELPER_FAILED;
	}
	return 0;
}

/* What is there of a request that stays as it is, into w->text. */
WIRE_GLOBAL int kafka_message_prefix(struct sk_msg_md *m, struct scratch *s, struct kafka_work *w)
{
	struct message *message;
	__u32 offset, got;

	if (!s || !w)
		return 0;
	message = &s->message;
	w->have = 0;
	if (message->head_at <
	    0) { /* its head came in pieces: nothing is known, above all not what the slot held before */
		kafka_produce_skim(w);
		return 0;
	}
	offset = message->offset;
	message->offset = message->head_at;
	got = message_load(m, message, &s->text, 0, KAFKA_PREFIX);
	message->offset = offset;
	wire_copy(w->text.bytes, s->text.bytes, KAFKA_PREFIX);
	w->have = got < w->length ? got : w->length;
	kafka_produce_skim(w);
	return 0;
}

/* Of s->decision and `stays`: what becomes of a request that is not looked into. */
static __always_inline __u32 kafka_passes(const struct process_entry *p, const struct scratch *s, __u32 stays)
{
	bool unread = stays == INJECTION_NOT_WHOLE || stays == INJECTION_TOO_LARGE || stays == INJECTION_OLD_FORMAT;

	if (!stays)
		return s->decision.writes ? INJECTION_HELPER_FAILED : s->decision.result;
	return s->decision.writes || (unread && kafka_unread_is_why(p, s)) ? stays : s->decision.result;
}

/* The whole request is in w->text. Changes it, and tells of it; of each caller's records apart where they are. */
static __always_inline void kafka_message_whole(struct sk_msg_md *m, struct connection *c, struct scratch *s,
						struct process_entry *p, struct kafka_work *w)
{
	__u32 result;

	kafka_topics_choose(w, s);
	kafka_callers(w, s, p);
	if (w->told) {
		kafka_stage_sets(c, s, w);
	} else {
		kafka_decide(c, s, p);
		if (w->all_stay)
			kafka_topic_stays(s);
		kafka_stage(w, s);
	}
	w->claims = 1;
	result = kafka_change(m, c, s, p, w);
	if (w->told)
		kafka_tell_sets(c, s, w, result);
	else
		kafka_tell(c, &s->half.kafka, s, w, result);
}

/* A Produce request has begun. What follows it is looked at in the next run. */
WIRE_GLOBAL int kafka_message_produce(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				      struct process_entry *p)
{
	bool changed = false, answered = true;
	struct kafka_slot *slot;
	struct message *message;
	__u32 stays, after = 0;
	struct kafka *k;

	if (!c || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	message = &s->message;
	k = &s->half.kafka;
	stays = kafka_stays(c, s, k);

	if (!stays && message->head_at > 0) { /* let go what precedes it, and look at it again at the front */
		message->cut = message->head_at;
		message->rolled_back = 1;
		__builtin_memcpy(k, &s->before_frame, sizeof(*k));
		return 0;
	}
	message->heads++;
	kafka_callers_forget(s);
	slot = kafka_claim();
	if (slot) {
		slot->work.length = k->frame_bytes + KAFKA_LENGTH_BYTES;
		slot->work.new_length = slot->work.told = slot->work.without_baggage = 0;
		slot->work.each_most = *(volatile __u32 *)&kafka_each_most;
		slot->work.batch_most = *(volatile __u32 *)&kafka_batch_most;
		if (!stays && !message_read_whole(m, s, &slot->work)) {
			slot->work.have = slot->work.length;
			kafka_message_whole(m, c, s, p, &slot->work);
			changed = slot->work.new_length != 0;
			after = slot->work.new_length;
		} else {
			slot->work.claims = 0;
			kafka_decide(c, s, p);
			kafka_message_prefix(m, s, &slot->work);
			kafka_tell(c, k, s, &slot->work, kafka_passes(p, s, stays));
		}
		answered = slot->work.acks != 0;
		kafka_release(slot);
	} else {
		kafka_decide(c, s, p);
		kafka_tell(c, k, s, NULL, s->decision.writes ? INJECTION_NO_SCRATCH : 0);
	}
	if (answered)
		kafka_request_add(c->id, k->correlation_id, kafka_api_of(k), changed ? KAFKA_ADD_CHANGED : 0);
	if (changed) {
		message->changed = 1;
		k->left = 0;
		k->state = KAFKA_BETWEEN;
	} else { /* goes by as it is: see message_bulk */
		after = message->size - message->offset;
		if (after > k->left)
			after = k->left;
		message->body += after;
		kafka_took(k, after);
		after += message->offset;
	}
	message->offset = after;
	if (after < message->size)
		message->cut = after;
	return 0;
}

/* Bytes of a frame's head. Negative: this is not Kafka; 1: the head is there. */
WIRE_GLOBAL int kafka_message_head(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct message *message;
	__u32 have, got;
	struct kafka *k;

	if (!c || !s)
		return -1;
	message = &s->message;
	k = &s->half.kafka;
	have = k->have;
	WIRE_OPAQUE(have);
	have &= 15;
	if (k->state == KAFKA_BETWEEN) {
		__builtin_memcpy(&s->before_frame, k, sizeof(*k));
		message->head_at = message->offset;
	} else {
		message->head_at = -1;
		__builtin_memcpy(s->staging.bytes, k->small, sizeof(k->small));
	}
	got = have < KAFKA_REQUEST_HEAD ? message_load(m, message, &s->staging, have, KAFKA_REQUEST_HEAD - have) : 0;
	if (!got)
		return -1;
	message->offset += got;
	return kafka_head_came(k, s, have + got, KAFKA_REQUEST_HEAD);
}

/* Bytes within a frame. Negative: they cannot be read. */
WIRE_GLOBAL int kafka_message_bytes(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct message *message;
	struct kafka *k;
	__u32 n;

	if (!c || !s)
		return -1;
	message = &s->message;
	k = &s->half.kafka;
	n = message->size - message->offset;
	if (k->state == KAFKA_KEEP) {
		if (n > k->keep)
			n = k->keep;
		n = message_load(m, message, &s->text, 0, n < MESSAGE_WINDOW ? n : MESSAGE_WINDOW);
		if (!n)
			return -1;
		kafka_kept_bytes(c, s, k, n);
	} else {
		if (n > k->left)
			n = k->left;
		kafka_took(k, n);
	}
	message->offset += n;
	return 0;
}

/* One step through the message. 1 = stop. */
WIRE_GLOBAL int kafka_message_step(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	struct message *message;
	struct kafka *k;
	int event;

	if (!c || !s || !p)
		return 1;
	s = scratch_again(s);
	if (!s)
		return 1;
	message = &s->message;
	k = &s->half.kafka;
	if (message->offset >= message->size || message->offset > 0xfffffff)
		return 1;
	if (k->state == KAFKA_KEEP || k->state == KAFKA_SKIP) {
		event = kafka_message_bytes(m, c, s);
	} else {
		event = kafka_message_head(m, c, s);
		if (event > 0 && k->api_key == KAFKA_PRODUCE) {
			message->produce = 1; /* by itself: see kafka_message */
			return 1;
		}
		if (event > 0 && !kafka_request(c, s, k, s->staging.bytes)) {
			message->failed = PARK_UPGRADE;
			return 1;
		}
	}
	if (event >= 0)
		return 0;
	message->failed = PARK_BAD_FRAMING;
	return 1;
}

static long kafka_message_loop(__u32 i, void *arg)
{
	struct message_run *run = arg;
	unsigned long stop = kafka_message_step(run->message, run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* Parses and changes [message->offset, message->size) of the message; s->half is the state at message->offset. */
static __always_inline int kafka_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					 struct process_entry *p)
{
	struct message_run run = {.message = m, .connection = c, .scratch = s, .process = p};
	struct message *message = &s->message;

	message->produce = 0;
	bpf_loop(1 << 16, kafka_message_loop, &run, 0);
	if (message->produce) /* not in the loop: the stack and the frames of a chain are few */
		kafka_message_produce(m, c, s, p);
	if (!message->failed && !message->cut && message->offset < message->size)
		message->failed = PARK_LIMIT;
	return 0;
}

/* The first message of a connection: is it Kafka? */
WIRE_GLOBAL int kafka_recognise_message(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 got;

	if (!c || !s || s->message.offset)
		return 0;
	got = message_load(m, &s->message, &s->staging, 0, KAFKA_REQUEST_HEAD);
	if (got != KAFKA_REQUEST_HEAD || !kafka_recognise(c, s, s->staging.bytes, got, s->message.size))
		return 0;
	__builtin_memset(&s->half.kafka, 0, sizeof(s->half.kafka));
	return 1;
}

#endif
