/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A Produce request: whose it is, what its records are to carry, and the event that tells of it. One context for all
 * records that were produced for the same exchange: that of the exchange which is the sending of them, a child of it.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_PRODUCE_H
#define WEFT_PROTOCOLS_KAFKA_PRODUCE_H

#include "lib/attribute_sender.h"
#include "protocols/http1/lines.h"
#include "protocols/http1/police.h"
#include "protocols/kafka/callers.h"
#include "protocols/kafka/frames.h"
#include "wire/kafka_single.h"

#define KAFKA_PREFIX 4096u /* bytes of a request that is only seen which are looked at */

/* What of s->decision holds for records. */
static __always_inline void kafka_decided(struct scratch *s)
{
	s->decision.writes &= WRITE_TRACEPARENT | WRITE_TRACESTATE | WRITE_BAGGAGE;
	if (s->decision.writes & WRITE_TRACEPARENT) {
		if (!(s->propagation.flags & PROPAGATION_KAFKA)) {
			s->decision.result = INJECTION_DESTINATION;
			s->decision.writes = 0;
		}
	} else if (s->decision.result == INJECTION_DONE) {
		s->decision.result = INJECTION_DESTINATION; /* traceparent is no format that is written */
		s->decision.writes = 0;
	}
}

/* These records are of topics that are not chosen: they stay as they are, whoever they are for. */
static __always_inline void kafka_topic_stays(struct scratch *s)
{
	s->decision.result = INJECTION_TOPIC;
	s->decision.writes = 0;
}

/* s->decision and s->parent for records of s->caller; of nobody that is known: they stay as they are. */
static __always_inline void kafka_decide_noted(struct connection *c, struct scratch *s)
{
	__builtin_memset(&s->head, 0, sizeof(s->head));
	if (s->caller.exchange_id) {
		kafka_decide_for_caller(c, s);
	} else {
		s->facts = 0;
		s->parent.exchange_id = 0;
		decided(s, INJECTION_NO_TASK, ATTRIBUTION_NONE, 0);
	}
	kafka_decided(s);
}

/*
 * s->decision for the request at hand, and s->parent. Whose request it is, the sending thread does not tell: client
 * libraries keep records until there are enough, so that those of one request leave while the same thread serves the
 * next one. What was noted when they were produced does: see kafka_callers.
 */
static __always_inline void kafka_decide(struct connection *c, struct scratch *s, struct process_entry *p)
{
	if (s->caller.exchange_id || s->callers_several) {
		kafka_decide_noted(c, s);
		return;
	}
	__builtin_memset(&s->head, 0, sizeof(s->head));
	s->task_unknown = TASK_OTHER;
	http1_decide(c, &s->head, s, p);
	s->task_unknown = 0;
	kafka_decided(s);
}

/* A header's value of `bytes` from `text` behind its key, at w->added + at. Returns where it ends. */
static __always_inline __u32 kafka_stage_value(struct kafka_work *w, __u32 at, const __u8 *text, __u64 bytes)
{
	__u32 width = bytes < 64 ? 1 : bytes < 8192 ? 2 : 3;
	__u8 *out;

	WIRE_OPAQUE(at);
	at &= KAFKA_ADDED_CAP / 8 - 1;
	out = w->added + at;
	out[0] = bytes << 1 | (width > 1 ? 0x80 : 0);
	out[1] = bytes >> 6 | (width > 2 ? 0x80 : 0);
	out[2] = bytes >> 13;
	at += width;
	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(at);
	at &= KAFKA_ADDED_CAP / 8 - 1;
	if (bytes == 0 || bytes > POLICY_BYTES_MAX || bpf_probe_read_kernel(w->added + at, bytes, text))
		return 0;
	return at + bytes;
}

/* The headers of s->decision as they stand in a record. */
WIRE_GLOBAL int kafka_stage(struct kafka_work *w, struct scratch *s)
{
	const struct exchange_text_small *kept;
	__u64 state_bytes, baggage_bytes, id;
	const __u8 *text;
	__u32 at;

	if (!w || !s)
		return 0;
	w->replace = w->ids_count = w->ids_bytes = w->baggage_bytes = w->baggage_count = w->adds = 0;
	w->singles = (s->propagation.flags & PROPAGATION_KAFKA_SINGLES) != 0;
	if (!(s->decision.writes & WRITE_TRACEPARENT))
		return 0;
	w->sending = wire_load64(s->decision.span_id);
	w->added[0] = 11 << 1;
	wire_store64(w->added + 1, 0x7261706563617274ULL);				 /* tracepar */
	wire_store64(w->added + 9, 0x746e65ULL | (__u64)(TRACEPARENT_BYTES << 1) << 24); /* ent, 55 */
	traceparent_format(w->added + 13, s->parent.trace_id, s->decision.span_id, s->parent.flags);
	w->ids_count = w->adds = 1;
	w->ids_bytes = 13 + TRACEPARENT_BYTES;
	if (!(s->decision.writes & (WRITE_TRACESTATE | WRITE_BAGGAGE)))
		return 0;
	id = s->parent.exchange_id;
	kept = kafka_text_get(id);
	text = kept ? kept->bytes : parent_texts(s);
	state_bytes = s->parent.tracestate_bytes;
	baggage_bytes = s->parent.baggage_bytes;
	if (!text)
		return 0;
	if ((s->decision.writes & WRITE_TRACESTATE) && state_bytes <= TRACESTATE_BYTES_MAX) {
		at = w->ids_bytes;
		WIRE_OPAQUE(at);
		at &= 127;
		w->added[at] = 10 << 1;
		wire_store64(w->added + at + 1, 0x6174736563617274ULL); /* tracesta */
		wire_store64(w->added + at + 9, 0x6574ULL);		/* te */
		at = kafka_stage_value(w, at + 11, text, state_bytes);
		if (at) {
			w->ids_bytes = at;
			w->ids_count = 2;
		}
	}
	if ((s->decision.writes & WRITE_BAGGAGE) && state_bytes <= TRACESTATE_BYTES_MAX && w->singles) {
		WIRE_OPAQUE(baggage_bytes);
		if (baggage_bytes <= POLICY_BYTES_MAX &&
		    !bpf_probe_read_kernel(s->staging.bytes, baggage_bytes, text + state_bytes))
			kafka_single_headers(&s->staging, w, (__u32)baggage_bytes);
	} else if ((s->decision.writes & WRITE_BAGGAGE) && state_bytes <= TRACESTATE_BYTES_MAX) {
		at = w->ids_bytes;
		WIRE_OPAQUE(at);
		at &= KAFKA_ADDED_CAP / 8 - 1;
		w->added[at] = 7 << 1;
		wire_store64(w->added + at + 1, 0x65676167676162ULL); /* baggage */
		at = kafka_stage_value(w, at + 8, text + state_bytes, baggage_bytes);
		if (at) {
			w->baggage_bytes = at - w->ids_bytes;
			w->baggage_count = 1;
		}
	}
	if (kept ? !kafka_text_get(id) : id && !exchange_get(id)) { /* gone meanwhile: they may be somebody else's */
		w->ids_count = 1;
		w->ids_bytes = 13 + TRACEPARENT_BYTES;
		w->baggage_bytes = 0;
	}
	return 0;
}

/* What was read of the request says whether it can be changed, if it is to be. Zero: it can; else why not. */
static __always_inline __u32 kafka_unfit(const struct kafka_work *w)
{
	const struct kafka_part *first = &w->parts[0];

	if (w->outcome == KAFKA_LIMIT)
		return INJECTION_TOO_LARGE;
	if (w->outcome != KAFKA_WHOLE)
		return INJECTION_MALFORMED;
	if (w->changed)
		return 0;
	if (w->over)
		return INJECTION_TOO_LARGE;
	if (w->own)
		return INJECTION_OWN_HEADER;
	if (first->magic < 2)
		return INJECTION_OLD_FORMAT;
	if (first->compression)
		return INJECTION_COMPRESSED;
	return w->adds ? INJECTION_MALFORMED : 0;
}

/*
 * The exchange that the sending of this request is: reported as s->decision says, with `result` if that says something
 * else. `w` may be NULL; without w->claims no trace is claimed.
 */
WIRE_GLOBAL int kafka_tell(struct connection *c, struct kafka *k, struct scratch *s, struct kafka_work *w, __u32 result)
{
	struct text_lines none = {};
	__u32 most = settings.header_bytes, text = 0;

	if (!c || !k || !s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	if (!result)
		result = s->decision.result;
	if (!w || !w->claims)
		s->decision.attribution = ATTRIBUTION_NONE;
	if (w)
		text = kafka_summary(w, &s->text, most < HEAD_SENT_MAX ? most : HEAD_SENT_MAX);
	client_outcome(s, result);
	attribute_sent(c, s);
	count_injection(PROTOCOL_KAFKA, result);
	s->stream = (__u32)k->correlation_id;
	emit_request(c, s, new_exchange_id(), k->frame_bytes, text, &none, 0);
	s->stream = 0;
	return 0;
}

/* What was decided for the records of a set is what is told of their sending: s->decision and s->parent again. */
static __always_inline void kafka_decision_again(struct scratch *s, const struct kafka_set *set)
{
	s->facts = 0;
	kafka_parent_is(s, &set->caller);
	s->decision.result = set->result;
	s->decision.attribution = set->attribution;
	__builtin_memcpy(s->decision.span_id, set->span_id, sizeof(set->span_id));
}

WIRE_GLOBAL int kafka_stage_set(struct connection *c, struct scratch *s, struct kafka_work *w)
{
	struct kafka_set *set;

	if (!c || !s || !w)
		return 0;
	set = kafka_set_at(w, w->set);
	if (!set->records)
		return 0;
	__builtin_memcpy(&s->caller, &set->caller, sizeof(s->caller)); /* nobody's: whatever the process serves */
	kafka_decide_noted(c, s);
	if (!(set->parts & ~w->stay_parts))
		kafka_topic_stays(s);
	kafka_stage(w, s);
	set->result = (__u8)s->decision.result;
	set->attribution = (__u8)s->decision.attribution;
	__builtin_memcpy(set->span_id, s->decision.span_id, sizeof(set->span_id));
	w->staged += kafka_set_stage(w, w->set);
	return 0;
}

/* What the records of each caller are given. A function of its own: wherever its loop ends, no more is to be verified.
 */
WIRE_GLOBAL int kafka_stage_sets(struct connection *c, struct scratch *s, struct kafka_work *w)
{
	if (!c || !s || !w)
		return 0;
	w->staged = 0;
	for (__u32 set = 0; set < KAFKA_SETS && set <= w->sets; set++) {
		w->set = set;
		kafka_stage_set(c, s, w);
	}
	w->adds = w->staged;
	return 0;
}

WIRE_GLOBAL int kafka_tell_set(struct connection *c, struct scratch *s, struct kafka_work *w, __u32 result)
{
	struct kafka_set *set;

	if (!c || !s || !w)
		return 0;
	set = kafka_set_at(w, w->set);
	if (!set->records)
		return 0;
	kafka_decision_again(s, set);
	if (w->own_baggage)
		s->facts |= REQUEST_BAGGAGE_UNENFORCED;
	w->claims = w->claims_all;
	kafka_set_alone(w);
	if (!set->ids_count) {
		result = 0;
	} else if (w->new_length &&
		   !set->changed) { /* their batches are too long, or they have contexts of their own */
		result = w->over && (set->parts & w->stay_parts) ? INJECTION_TOO_LARGE : INJECTION_OWN_HEADER;
		w->claims = 0;
	}
	return kafka_tell(c, &s->half.kafka, s, w, result);
}

struct kafka_tell_run {
	struct connection *connection;
	struct scratch *scratch;
	struct kafka_work *work;
	__u32 result;
};

static long kafka_tell_step(__u32 set, void *arg)
{
	struct kafka_tell_run *run = arg;

	run->work->set = set;
	kafka_tell_set(run->connection, run->scratch, run->work, run->result);
	return 0;
}

/* The sending of each caller's records is an exchange of its own. */
static __always_inline void kafka_tell_sets(struct connection *c, struct scratch *s, struct kafka_work *w, __u32 result)
{
	struct kafka_tell_run run = {.connection = c, .scratch = s, .work = w, .result = result};

	w->claims_all = w->claims;
	bpf_loop(w->sets + 1, kafka_tell_step, &run, 0);
}

#endif
