/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Records that leave together are given a span each, where they are not too many: below the one of their sending, with
 * an id that follows from its id and from how many came before (wire/kafka_record_id.h). So all that is told of them is
 * how many of each partition there are.
 */
#ifndef WEFT_WIRE_KAFKA_EACH_H
#define WEFT_WIRE_KAFKA_EACH_H

#include "wire/kafka_record_id.h"
#include "wire/kafka_sets.h"

#define KAFKA_EACH_MOST 65535u	  /* of one sending */
#define KAFKA_EACH_ID (13u + 36u) /* in what a record is given: the span id behind key, version and trace id */

/*
 * How many records of a set each partition has, where they have spans. It lies in the room behind the target, into
 * which no copy really reaches.
 */
WIRE_INLINE __u16 *kafka_each_count(struct kafka_work *w, __u32 set, __u32 part)
{
	__u32 at = (set & (KAFKA_SETS - 1)) * KAFKA_PARTS + (part & (KAFKA_PARTS - 1));

	WIRE_OPAQUE(at);
	return (__u16 *)(w->text.bytes + 2 * KAFKA_CAP) + (at & (KAFKA_SETS * KAFKA_PARTS - 1));
}
WIRE_ASSERT(KAFKA_SETS *KAFKA_PARTS * sizeof(__u16) <= KAFKA_PIECE, "there is room");

WIRE_INLINE bool kafka_each_wanted(const struct kafka_work *w, __u32 messages)
{
	return messages > 1 && messages <= w->each_most && messages <= KAFKA_EACH_MOST;
}

WIRE_STEP kafka_each_set_step(__u32 i, void *arg)
{
	struct kafka_work *w = *(struct kafka_work **)arg;
	struct kafka_set *set = kafka_set_at(w, i);

	set->each = set->ids_count && kafka_each_wanted(w, set->records);
	for (__u32 part = 0; set->each && part < KAFKA_PARTS; part += 4)
		wire_store64((__u8 *)kafka_each_count(w, i, part), 0);
	return 0;
}

/* Before the records are written: who gives them a span each. */
WIRE_GLOBAL int kafka_each_begin(struct kafka_work *w)
{
	if (!w)
		return 0;
	w->stamped = 0;
	w->each = !w->told && kafka_each_wanted(w, w->changed);
	if (w->told)
		wire_loop(w->sets + 1, kafka_each_set_step, &w);
	return 0;
}

/* What a record was given, at `at` of the target, names message `number` of those that leave with `sending`. */
WIRE_GLOBAL int kafka_each_stamp(struct kafka_work *w, __u32 at, __u64 sending, __u32 number)
{
	__u64 id = kafka_message_span(sending, number);

	if (!w)
		return 0;
	at += KAFKA_TARGET + KAFKA_EACH_ID;
	wire_store64(kafka_at(&w->text, at), word_hex((__u32)id));
	wire_store64(kafka_at(&w->text, at + 8), word_hex((__u32)(id >> 32)));
	return 0;
}

/* The record at hand has been given the headers of its set, at `at` of the target. */
WIRE_INLINE void kafka_each_of_set(struct kafka_work *w, __u32 at)
{
	struct kafka_set *set = kafka_set_at(w, w->set);

	if (set->each) {
		kafka_each_stamp(w, at, wire_load64(set->span_id), set->changed);
		++*kafka_each_count(w, w->set, w->part);
	}
	set->changed++;
}

/* Of the sending at hand, after kafka_rebuild(): how many of its messages that have spans are of this partition. */
WIRE_INLINE __u32 kafka_each_in(struct kafka_work *w, __u32 part)
{
	if (!w->new_length || !w->each)
		return 0;
	return w->told ? *kafka_each_count(w, w->set, part) : kafka_part_at(w, part)->changed;
}

#endif
