/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Records of one Produce request that were produced for different requests: each is given the headers of its own. Which
 * those are lies behind the request in the memory of its source, so that it costs none where it is not needed.
 */
#ifndef WEFT_WIRE_KAFKA_SETS_H
#define WEFT_WIRE_KAFKA_SETS_H

#include "wire/events.h"
#include "wire/kafka_note.h"
#include "wire/kafka_work.h"

#define KAFKA_SETS 256u		      /* a power of two; set 0 is nobody's */
#define KAFKA_SET_HEADERS 2048u	      /* bytes of headers in one set, at most … */
#define KAFKA_SETS_HEADERS (1u << 17) /* … and in all */
#define KAFKA_SET_LEAST 68u	      /* … of which a traceparent takes so many */
#define KAFKA_SET_RECORDS 8192u	      /* records of a request that can be told apart; a power of two */
#define KAFKA_SET_INDEX 512u	      /* places by which a caller's set is found; a power of two … */
#define KAFKA_SET_TRIES 16u	      /* … so many of which may be the one */

/* Records that were produced for one request, and what they are given. */
struct kafka_set {
	struct kafka_note caller; /* exchange_id 0: nobody's, or not in use */
	__u64 parts;		  /* a bit for each entry of kafka_work.parts that has some … */
	__u32 partitions;	  /* … and how many */
	__u32 records;
	__u32 changed; /* by kafka_rebuild() */
	__u16 ids_bytes, baggage_bytes;
	__u16 ids_count, baggage_count;
	__u8 span_id[8];  /* of the sending of these */
	__u32 headers_at; /* in the source: ids, then baggage */
	__u8 result;	  /* enum injection_result, as was decided */
	__u8 attribution; /* enum attribution */
	__u8 each;	  /* its records are given a span each */
	__u8 reserved;
};
WIRE_ASSERT(sizeof(struct kafka_set) == 120, "kafka_set layout");

#define KAFKA_SET_STRIDE 128u
#define KAFKA_SETS_AT (KAFKA_CAP - KAFKA_SETS * KAFKA_SET_STRIDE)
#define KAFKA_SET_OF_AT (KAFKA_SETS_AT - KAFKA_SET_RECORDS) /* a byte for each record: its set */
#define KAFKA_SET_INDEX_AT (KAFKA_SET_OF_AT - KAFKA_SET_INDEX)
#define KAFKA_SETS_FROM (KAFKA_SET_INDEX_AT - KAFKA_SETS_HEADERS) /* headers; requests end here at the latest */
WIRE_ASSERT(KAFKA_PARTS <= 64, "a bit for each");

WIRE_INLINE struct kafka_set *kafka_set_at(struct kafka_work *w, __u32 set)
{
	return (struct kafka_set *)kafka_at(&w->text, KAFKA_SETS_AT + (set & (KAFKA_SETS - 1)) * KAFKA_SET_STRIDE);
}

WIRE_INLINE __u8 *kafka_set_of_record(struct kafka_work *w, __u32 number)
{
	return kafka_at(&w->text, KAFKA_SET_OF_AT + (number & (KAFKA_SET_RECORDS - 1)));
}

WIRE_INLINE __u8 *kafka_set_index(struct kafka_work *w, __u32 place)
{
	return kafka_at(&w->text, KAFKA_SET_INDEX_AT + (place & (KAFKA_SET_INDEX - 1)));
}

WIRE_INLINE void kafka_set_clear(struct kafka_set *set)
{
	set->caller.exchange_id = 0;
	set->parts = 0;
	set->partitions = set->records = set->changed = 0;
	set->ids_bytes = set->ids_count = set->baggage_bytes = set->baggage_count = 0;
	set->each = 0;
}

WIRE_STEP kafka_set_unfind(__u32 i, void *arg)
{
	wire_store64(kafka_set_index(*(struct kafka_work **)arg, i * 8), 0);
	return 0;
}

/* No record has been told of yet. REQUIRES: w->length <= KAFKA_SETS_FROM. */
WIRE_INLINE void kafka_sets_begin(struct kafka_work *w)
{
	w->sets = 0;
	w->headers_to = KAFKA_SETS_FROM;
	kafka_set_clear(kafka_set_at(w, 0));
}

WIRE_INLINE __u32 kafka_set_new(struct kafka_work *w, const struct kafka_note *caller)
{
	struct kafka_set *set = kafka_set_at(w, ++w->sets);

	kafka_set_clear(set);
	__builtin_memcpy(&set->caller, caller, sizeof(*caller));
	return w->sets;
}

/* The set of this caller, a new one if there is none yet: from 1 to w->sets. 0: there are too many. */
WIRE_GLOBAL __u32 kafka_set_of(struct kafka_work *w, const struct kafka_note *caller)
{
	const struct kafka_note *first;
	__u32 place;

	if (!w || !caller)
		return 0;
	if (!w->sets)
		return kafka_set_new(w, caller);
	first = &kafka_set_at(w, 1)->caller;
	if (first->exchange_id == caller->exchange_id)
		return 1;
	if (w->sets == 1) /* the first one is found without the index, which is empty until there is a second */
		wire_loop(KAFKA_SET_INDEX / 8, kafka_set_unfind, &w);
	place = (__u32)(caller->exchange_id * 0x9e3779b97f4a7c15ull >> 32);
	for (__u32 i = 0; i < KAFKA_SET_TRIES; i++, place++) {
		__u32 number = *kafka_set_index(w, place);

		if (number && kafka_set_at(w, number)->caller.exchange_id == caller->exchange_id)
			return number;
		if (number)
			continue;
		if (w->sets >= KAFKA_SETS - 1)
			return 0;
		number = kafka_set_new(w, caller);
		*kafka_set_index(w, place) = (__u8)number;
		return number;
	}
	return 0;
}

/* Record `number` of the request, in the last of w->parts, is one of `set`. */
WIRE_INLINE void kafka_set_record(struct kafka_work *w, __u32 number, __u32 set)
{
	struct kafka_set *to = kafka_set_at(w, set);
	__u64 part = 1ull << ((w->part_count - 1) & 63);

	to->records++;
	if (!(to->parts & part)) {
		to->parts |= part;
		to->partitions++;
	}
	if (number < KAFKA_SET_RECORDS)
		*kafka_set_of_record(w, number) = (__u8)set;
}

/* Before a record is read: its number, and where the headers are told apart, which it is given. */
WIRE_INLINE void kafka_set_choose(struct kafka_work *w)
{
	__u32 number = w->number++;
	struct kafka_set *set;

	if (!w->told)
		return;
	w->set = number < KAFKA_SET_RECORDS ? *kafka_set_of_record(w, number) : 0;
	set = kafka_set_at(w, w->set);
	w->ids_bytes = set->ids_bytes;
	w->ids_count = set->ids_count;
	w->baggage_bytes = w->without_baggage ? 0 : set->baggage_bytes;
	w->baggage_count = set->baggage_count;
}

/* What is read of w from here on is about the records of w->set alone: for kafka_summary(). */
WIRE_INLINE void kafka_set_alone(struct kafka_work *w)
{
	const struct kafka_set *set = kafka_set_at(w, w->set);

	w->summary_parts = set->parts;
	w->partitions = set->partitions;
	w->records = set->records;
	w->changed = set->changed;
	w->each = set->each;
}

/*
 * The headers in w->added, as they were staged for all records, become those of a set; where there is no room, that is
 * what became of them. REQUIRES: all callers are told, and set->result says what was decided.
 */
WIRE_GLOBAL int kafka_set_stage(struct kafka_work *w, __u32 number)
{
	struct kafka_set *set;
	__u64 bytes;
	__u32 room;

	if (!w)
		return 0;
	set = kafka_set_at(w, number);
	/* A traceparent finds room for every caller; texts give way, those of the first callers as well. */
	room = KAFKA_SET_INDEX_AT - w->headers_to - (w->sets - number) * KAFKA_SET_LEAST;
	if (room > KAFKA_SET_HEADERS)
		room = KAFKA_SET_HEADERS;
	if (w->ids_bytes + w->baggage_bytes > room)
		w->baggage_bytes = w->baggage_count = 0;
	if (w->ids_bytes > room) {
		w->ids_bytes = KAFKA_SET_LEAST;
		w->ids_count = 1;
	}
	bytes = w->ids_bytes + w->baggage_bytes;
	WIRE_OPAQUE(bytes);
	if (bytes == 0)
		return 0;
	if (bytes > KAFKA_SET_HEADERS || bytes > KAFKA_SET_INDEX_AT - w->headers_to) {
		set->result = INJECTION_TOO_LARGE;
		return 0;
	}
	set->headers_at = w->headers_to;
	w->headers_to += (__u32)bytes;
	wire_copy(kafka_at(&w->text, set->headers_at), w->added, bytes);
	set->ids_bytes = (__u16)w->ids_bytes;
	set->ids_count = (__u16)w->ids_count;
	set->baggage_bytes = (__u16)w->baggage_bytes;
	set->baggage_count = (__u16)w->baggage_count;
	return 1;
}

#endif
