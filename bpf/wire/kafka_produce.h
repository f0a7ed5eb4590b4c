/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Reads a Produce request, version 3 to 13, strictly: only one that ends with its last byte is understood. Of a request
 * whose beginning alone is there it says what that tells. Batches that cannot be changed (compressed, of an old format,
 * control) are stepped over; fields with tags are not known and make a request malformed.
 */
#ifndef WEFT_WIRE_KAFKA_PRODUCE_H
#define WEFT_WIRE_KAFKA_PRODUCE_H

#include "wire/kafka_record.h"
#include "wire/kafka_sets.h"

/* A length at *at: compact (one more than it is), or of `width` bytes. -1: null; -2: there is none. */
WIRE_INLINE __s32 kafka_take_length(struct kafka_work *w, __u32 *at, __u32 width)
{
	__u64 varint;
	__s32 length;

	if (w->compact) {
		varint = kafka_varint(kafka_at(&w->text, *at));
		if (!varint)
			return -2;
		*at += (__u32)(varint >> 32);
		length = (__s32)((__u32)varint - 1);
	} else {
		length = width == 2 ? (__s16)kafka_u16_at(&w->text, *at) : (__s32)kafka_u32_at(&w->text, *at);
		*at += width;
	}
	return *at > w->have || length < -1 ? -2 : length;
}

/* In compact versions a struct ends with its tagged fields; none of those is known. False: there are some. */
WIRE_INLINE bool kafka_no_tags(struct kafka_work *w, __u32 *at)
{
	if (!w->compact)
		return true;
	if (*at >= w->have || *kafka_at(&w->text, *at))
		return false;
	*at += 1;
	return true;
}

/* What precedes the topics. 1 = stop. */
WIRE_GLOBAL int kafka_produce_head(struct kafka_work *w)
{
	__u32 at = KAFKA_REQUEST_HEAD;
	struct kafka_head head;
	__s32 n;

	if (!w)
		return 1;
	w->outcome = KAFKA_UNDER_WAY;
	w->topics_left = w->partitions_left = w->records_left = w->in_topic = w->in_batch = 0;
	w->part_count = w->partitions = w->records = w->changed = w->own = w->new_length = 0;
	w->own_baggage = w->unread = w->number = 0;
	w->over_parts = 0;
	w->grown = 0;
	w->summary_parts = ~0ull;
	w->acks = -1;
	w->transactional = 0;
	w->client_id_at = at;
	w->client_id_bytes = 0;
	w->version = w->correlation_id = 0;
	if (w->have > w->length || w->have > KAFKA_CAP || w->have < KAFKA_REQUEST_HEAD)
		return kafka_stop(w);
	if (!kafka_request_head(w->text.bytes, &head) || head.frame_bytes + KAFKA_LENGTH_BYTES != w->length)
		return kafka_stop(w);
	w->version = head.api_version;
	w->correlation_id = (__u32)head.correlation_id;
	if (head.api_key != KAFKA_PRODUCE || w->version < KAFKA_PRODUCE_FIRST || w->version > KAFKA_PRODUCE_LAST) {
		w->outcome = KAFKA_MALFORMED;
		return 1;
	}
	w->compact = w->version >= KAFKA_PRODUCE_COMPACT;
	if (head.client_id_bytes > 0)
		at += (__u32)head.client_id_bytes;
	if (at > w->have)
		return kafka_stop(w);
	w->client_id_bytes = at - KAFKA_REQUEST_HEAD;
	if (!kafka_no_tags(w, &at))
		return kafka_stop(w);
	n = kafka_take_length(w, &at, 2);
	if (n < -1 || n > (__s32)(w->have - at))
		return kafka_stop(w);
	w->transactional = n >= 0;
	if (n > 0)
		at += (__u32)n;
	if (w->have - at < 6)
		return kafka_stop(w);
	w->acks = (__s16)kafka_u16_at(&w->text, at);
	at += 6; /* and the time-out */
	n = kafka_take_length(w, &at, 4);
	if (n < 0)
		return kafka_stop(w);
	w->topics_left = (__u32)n;
	w->at = at;
	return 0;
}

WIRE_GLOBAL int kafka_topic(struct kafka_work *w)
{
	__u32 at;
	__s32 n;

	if (!w)
		return 1;
	at = w->at;
	if (w->in_topic) {
		if (!kafka_no_tags(w, &at))
			return kafka_stop(w);
		w->in_topic = 0;
	}
	if (!w->topics_left) {
		if (!kafka_no_tags(w, &at) || at != w->have || w->have != w->length)
			return kafka_stop(w);
		w->outcome = KAFKA_WHOLE;
		return 1;
	}
	w->topics_left--;
	w->in_topic = 1;
	n = w->version >= KAFKA_PRODUCE_IDS ? 16 : kafka_take_length(w, &at, 2);
	if (n < 1 || n > (__s32)KAFKA_TOPIC_MOST || at > w->have || n > (__s32)(w->have - at))
		return kafka_stop(w);
	w->topic_at = at;
	w->topic_bytes = (__u32)n;
	at += (__u32)n;
	n = kafka_take_length(w, &at, 4);
	if (n < 0)
		return kafka_stop(w);
	w->partitions_left = (__u32)n;
	w->at = at;
	return 0;
}

/* The batch [at, end) of `part`: its head. Zero: its records are to be read; else it is stepped over. */
WIRE_INLINE int kafka_batch_head(struct kafka_work *w, struct kafka_part *part, __u32 at, __u32 bytes)
{
	__u32 attributes, count;

	if (bytes < 17 || w->have - at < 17)
		return kafka_stop(w);
	part->magic = *kafka_at(&w->text, at + 16); /* has this place in all formats */
	if (part->magic < 2) {
		w->unread++;
		return 1;
	}
	if (part->magic > 2 || bytes < KAFKA_BATCH_HEAD || w->have - at < KAFKA_BATCH_HEAD)
		return kafka_stop(w);
	if (kafka_u32_at(&w->text, at + 8) + 12 != bytes)
		return kafka_stop(w);
	attributes = kafka_u16_at(&w->text, at + 21);
	count = kafka_u32_at(&w->text, at + 57);
	part->compression = attributes & 7;
	part->records = count;
	part->first = w->number;
	if (count == 0 || count > KAFKA_CAP || kafka_u32_at(&w->text, at + 23) != count - 1) {
		w->outcome = KAFKA_MALFORMED;
		return 1;
	}
	w->records += count;
	if (w->skim || (attributes & 0x27) || w->have < w->length) { /* compressed, control */
		w->unread++;
		return 1;
	}
	w->records_left = count;
	w->in_batch = 1;
	w->batch_end = at + bytes;
	w->growth = 0;
	w->stays = w->stay_parts >> ((w->part_count - 1) & 63) & 1;
	w->at = at + KAFKA_BATCH_HEAD;
	return 0;
}

WIRE_GLOBAL int kafka_partition(struct kafka_work *w)
{
	struct kafka_part *part;
	__u32 at;
	__s32 n;

	if (!w)
		return 1;
	at = w->at;
	if (w->part_count >= KAFKA_PARTS) {
		w->outcome = KAFKA_LIMIT;
		return 1;
	}
	if (w->have < at || w->have - at < 5)
		return kafka_stop(w);
	part = kafka_part_at(w, w->part_count);
	part->partition = (__s32)kafka_u32_at(&w->text, at);
	part->length_at = at += 4;
	part->topic_at = w->topic_at;
	part->topic_bytes = (__u16)w->topic_bytes;
	part->compression = part->magic = 0;
	part->records = part->changed = 0;
	n = kafka_take_length(w, &at, 4);
	if (n < 1 || n > (__s32)(w->length - at))
		return kafka_stop(w);
	part->batch_at = at;
	part->batch_bytes = part->new_bytes = (__u32)n;
	w->partitions_left--;
	w->partitions++;
	w->part_count++;
	if (!kafka_batch_head(w, part, at, (__u32)n))
		return 0;
	if (w->outcome)
		return 1;
	at += (__u32)n;
	if (!kafka_no_tags(w, &at))
		return kafka_stop(w);
	w->at = at;
	return 0;
}

/* All records of the batch at hand are read. */
WIRE_GLOBAL int kafka_batch_over(struct kafka_work *w)
{
	struct kafka_part *part;
	__u32 at;

	if (!w)
		return 1;
	part = kafka_part_at(w, w->part_count - 1);
	at = w->at;
	if (at != w->batch_end)
		return kafka_stop(w);
	w->in_batch = 0;
	part->new_bytes = part->batch_bytes + (__u32)w->growth;
	w->changed += part->changed;
	if (w->batch_most && part->new_bytes > w->batch_most && part->batch_bytes <= w->batch_most)
		w->over_parts |= 1ull << ((w->part_count - 1) & 63);
	w->grown += w->growth;
	if (w->compact && part->changed)
		w->grown += (__s64)kafka_width(part->new_bytes + 1) - (part->batch_at - part->length_at);
	if (part->changed &&
	    kafka_crc(&w->text, part->batch_at + KAFKA_BATCH_SUMMED, part->batch_bytes - KAFKA_BATCH_SUMMED) !=
		kafka_u32_at(&w->text, part->batch_at + KAFKA_BATCH_CRC)) {
		w->outcome = KAFKA_CORRUPT;
		return 1;
	}
	if (!kafka_no_tags(w, &at))
		return kafka_stop(w);
	w->at = at;
	return 0;
}

WIRE_INLINE int kafka_record_next(struct kafka_work *w)
{
	struct kafka_record *r = &w->record;
	struct kafka_part *part;

	kafka_set_choose(w);
	if (!kafka_record_read(w)) {
		w->outcome = KAFKA_MALFORMED;
		return 1;
	}
	w->records_left--;
	w->at = r->end;
	w->own_baggage += (r->has & KAFKA_HAS_BAGGAGE) != 0;
	if (!r->changed) {
		w->own += (r->has & KAFKA_HAS_CONTEXT) != 0;
		return 0;
	}
	part = kafka_part_at(w, w->part_count - 1);
	part->changed++;
	w->growth += (__s32)(r->new_bytes + kafka_width(r->new_bytes << 1) - (r->end - r->start));
	return 0;
}

WIRE_GLOBAL int kafka_produce_next(struct kafka_work *w)
{
	if (!w)
		return 1;
	if (w->records_left)
		return kafka_record_next(w);
	if (w->in_batch)
		return kafka_batch_over(w);
	return w->partitions_left ? kafka_partition(w) : kafka_topic(w);
}

WIRE_STEP kafka_produce_step(__u32 i, void *arg)
{
	unsigned long stop = (unsigned long)kafka_produce_next(*(struct kafka_work **)arg);

	(void)i;
	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/*
 * Reads the request in w->text: [0, w->have) of w->length bytes. With w->ids_count it also measures what it will be
 * when each record has been given the headers in w->added. Returns an enum kafka_outcome.
 */
WIRE_GLOBAL int kafka_produce_read(struct kafka_work *w)
{
	if (!w)
		return KAFKA_MALFORMED;
	if (!kafka_produce_head(w)) {
		wire_loop(KAFKA_CAP, kafka_produce_step, &w);
		if (!w->outcome)
			w->outcome = KAFKA_LIMIT;
	}
	return (int)w->outcome;
}

#define KAFKA_FITS_ANYWHERE (1u << 16) /* no broker is set up to refuse a request of this length */

/*
 * The same, without the baggage when it would make the request longer than it may be, or more than twice as long as it
 * was and too long for a broker with a low limit, or a batch longer than one may be. A batch that would be that all the
 * same stays as it is.
 */
WIRE_INLINE int kafka_produce_fit(struct kafka_work *w)
{
	__s64 room = w->length <= KAFKA_CAP ? (__s64)(KAFKA_CAP - w->length) : 0;

	w->over = 0;
	kafka_produce_read(w);
	if (w->outcome == KAFKA_WHOLE && (w->told || w->baggage_bytes) &&
	    (w->grown > room || w->over_parts ||
	     (w->grown > (__s64)w->length && w->grown > (__s64)KAFKA_FITS_ANYWHERE - (__s64)w->length))) {
		w->baggage_bytes = 0;
		w->without_baggage = 1;
		kafka_produce_read(w);
	}
	if (w->outcome == KAFKA_WHOLE && w->over_parts) {
		w->over = 1;
		w->stay_parts |= w->over_parts;
		kafka_produce_read(w);
	}
	return (int)w->outcome;
}

WIRE_INLINE int kafka_skim_next(struct kafka_work *w)
{
	if (!w)
		return 1;
	return w->partitions_left ? kafka_partition(w) : kafka_topic(w);
}

WIRE_STEP kafka_skim_step(__u32 i, void *arg)
{
	unsigned long stop = (unsigned long)kafka_skim_next(*(struct kafka_work **)arg);

	(void)i;
	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* The same without a look at the records, for a request that stays as it is; there may be no more than its beginning.
 */
WIRE_GLOBAL int kafka_produce_skim(struct kafka_work *w)
{
	if (!w)
		return KAFKA_MALFORMED;
	w->skim = 1;
	w->ids_count = 0;
	if (!kafka_produce_head(w)) {
		wire_loop(KAFKA_CAP, kafka_skim_step, &w);
		if (!w->outcome)
			w->outcome = KAFKA_LIMIT;
	}
	w->skim = 0;
	return (int)w->outcome;
}

#endif
