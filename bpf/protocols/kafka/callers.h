/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * For whom the records of a Produce request were produced, as was noted when the client library was given them. Whether
 * that request is over or not, it is their parent. All of them for the same one, which is known: s->caller. Else they
 * are told apart (wire/kafka_sets.h), and those of nobody that is known stay as they are.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_CALLERS_H
#define WEFT_PROTOCOLS_KAFKA_CALLERS_H

#include "lib/attribute.h"
#include "maps/kafka.h"
#include "maps/kafka_notes.h"
#include "protocols/http1/decide.h"
#include "wire/kafka_sets.h"

static __always_inline void kafka_callers_forget(struct scratch *s)
{
	s->caller.exchange_id = 0;
	s->callers_unknown = 0;
	s->callers_several = 0;
}

/* `bytes` of a record at `at` go into s->value_sum. */
WIRE_GLOBAL int kafka_sum_record(struct kafka_work *w, struct scratch *s, __u32 at, __u32 bytes)
{
	__u64 n = bytes;

	if (!w || !s)
		return 0;
	for (__u32 k = 0; k < KAFKA_NOTE_PIECE; k += 8)
		wire_store64(s->staging.bytes + k, 0);
	WIRE_OPAQUE(n);
	if (n == 0 || n > KAFKA_NOTE_PIECE)
		return 0;
	wire_copy(s->staging.bytes, kafka_at(&w->text, at), n);
	s->value_sum = kafka_note_sum_add(s->value_sum, (const __u64 *)s->staging.bytes);
	return 0;
}

/* A length at *at, which is known to be one; null counts as nothing. */
static __always_inline __u32 kafka_length_again(struct kafka_work *w, __u32 *at)
{
	__u64 varint = kafka_varint(kafka_at(&w->text, *at));
	__s32 n = kafka_unzigzag(varint);

	*at += (__u32)(varint >> 32);
	return n > 0 ? (__u32)n : 0;
}

/* The sum of key and value of w->record goes to s->value_sum. */
WIRE_GLOBAL int kafka_caller_sum(struct kafka_work *w, struct scratch *s)
{
	__u32 key_at, value_at, key_bytes, value_bytes;

	if (!w || !s)
		return 0;
	key_at = w->record.key_at;
	key_bytes = kafka_length_again(w, &key_at);
	value_at = key_at + key_bytes;
	value_bytes = kafka_length_again(w, &value_at);
	s->value_sum = kafka_note_sum_begin(key_bytes, value_bytes);
	for (__u32 i = 0; i < KAFKA_NOTE_PIECES; i++) {
		struct kafka_note_piece piece = kafka_note_piece(i, key_bytes, value_bytes);

		if (piece.bytes)
			kafka_sum_record(w, s, (piece.of_value ? value_at : key_at) + piece.from, piece.bytes);
	}
	s->value_sum = kafka_note_sum_end(s->value_sum);
	return 0;
}

/* The note of w->record, by its sum. `lost`: there are records of the process that could not be noted. */
static __always_inline bool kafka_caller_note(struct kafka_work *w, const struct scratch *s, __u32 lost,
					      struct kafka_note *note)
{
	__u32 batch = kafka_part_at(w, w->part_count - 1)->batch_at;
	__u64 since = kafka_varint(kafka_at(&w->text, w->record.body + 1)), timestamp_ms;
	struct kafka_note_key key = {};

	if (!since) /* longer than a call of today can make it */
		return false;
	timestamp_ms =
	    __builtin_bswap64(wire_load64(kafka_at(&w->text, batch + KAFKA_BATCH_TIME))) + (__s64)kafka_unzigzag(since);
	key.tgid = s->pid_tgid >> 32;
	key.period = timestamp_ms >> KAFKA_NOTE_PERIOD_BITS;
	if (lost && late_lookup(&kafka_notes, &key))
		return false;
	key.sum = s->value_sum;
	return kafka_note_get(&key, timestamp_ms, note);
}

/* The next record. 1 = stop: whatever follows, nothing is known of all. */
WIRE_GLOBAL int kafka_caller_next(struct kafka_work *w, struct scratch *s, __u32 lost, __u32 apart)
{
	__u32 number, set = 0;
	bool known;

	if (!w || !s)
		return 1;
	if (!kafka_record_bounds(w)) {
		s->callers_unknown = 1;
		return 1;
	}
	w->records_left--;
	number = w->number++;
	w->at = w->record.end;
	kafka_caller_sum(w, s);
	known = kafka_caller_note(w, s, lost, &s->note);
	if (known && s->note.exchange_id == KAFKA_NOTE_SEVERAL) {
		s->callers_several = 1;
		known = false;
	}
	if (!known) {
		s->callers_unknown = 1;
	} else if (!s->caller.exchange_id) {
		__builtin_memcpy(&s->caller, &s->note, sizeof(s->caller));
	} else if (s->caller.exchange_id != s->note.exchange_id) {
		s->callers_unknown = 1;
	}
	if (!apart)
		return s->callers_unknown && s->caller.exchange_id;
	if (known)
		set = kafka_set_of(w, &s->note);
	kafka_set_record(w, number, set);
	return 0;
}

struct kafka_callers_run {
	struct kafka_work *work;
	struct scratch *scratch;
	__u32 lost;
	__u32 apart; /* they can be told apart */
};

static long kafka_callers_step(__u32 i, void *arg)
{
	struct kafka_callers_run *run = arg;
	struct kafka_work *w = run->work;
	unsigned long stop;

	if (w->records_left)
		stop = kafka_caller_next(w, run->scratch, run->lost, run->apart);
	else
		stop = kafka_produce_next(w);
	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/*
 * The whole request is in w->text. s->caller.exchange_id becomes the one for which all its records were produced, or
 * w->told is set; s->callers_several says that they were for several, or for one and somebody else.
 */
WIRE_GLOBAL int kafka_callers(struct kafka_work *w, struct scratch *s, struct process_entry *p)
{
	struct kafka_callers_run run = {.work = w, .scratch = s};

	if (!w || !s || !p || !(p->findings & FINDING_KAFKA_NOTED) || (p->findings & FINDING_KAFKA_BLOCKS))
		return 0;
	if (p->flags & (PROCESS_INSTRUMENTED | PROCESS_TASK_NONE)) /* since they were noted */
		return 0;
	run.lost = p->findings & FINDING_KAFKA_LOST;
	w->ids_count = 0;
	run.apart = w->length <= KAFKA_SETS_FROM;
	if (run.apart)
		kafka_sets_begin(w);
	if (kafka_produce_head(w))
		return 0;
	bpf_loop(KAFKA_CAP, kafka_callers_step, &run, 0);
	if (w->outcome == KAFKA_WHOLE && !s->callers_unknown && !w->unread) /* nor is it known for whom others are */
		return 0;
	s->callers_several |= s->caller.exchange_id != 0;
	s->caller.exchange_id = 0;
	w->told = run.apart && w->outcome == KAFKA_WHOLE && !w->unread && w->sets && w->number <= KAFKA_SET_RECORDS;
	return 0;
}

static __always_inline void kafka_parent_is(struct scratch *s, const struct kafka_note *caller)
{
	s->parent.exchange_id = caller->exchange_id;
	__builtin_memcpy(s->parent.trace_id, caller->trace_id, 16);
	__builtin_memcpy(s->parent.span_id, caller->span_id, 8);
	s->parent.flags = caller->flags;
	s->parent.report = caller->report;
	s->parent.tracestate_bytes = caller->tracestate_bytes;
	s->parent.baggage_bytes = caller->baggage_bytes;
}

/* s->decision and s->parent for a request whose records are all for s->caller. */
static __always_inline void kafka_decide_for_caller(struct connection *c, struct scratch *s)
{
	const struct kafka_note *caller = &s->caller;

	s->facts = 0;
	kafka_parent_is(s, caller);
	decided(s, INJECTION_DONE, caller->attribution, format_writes(s, 0) | missing_texts(c, &s->head, s));
	if (!(c->destination & DESTINATION_CONTEXT) || propagation_pauses(&s->propagation)) {
		s->decision.result = INJECTION_DESTINATION;
		s->decision.writes = 0;
	}
}

#endif
