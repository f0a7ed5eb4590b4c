/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Builds a Produce request anew with headers added to its records. Keys, values, timestamps, offsets, and the fields of
 * idempotence and transactions are copied; lengths, numbers of headers and the sums of the batches change.
 */
#ifndef WEFT_WIRE_KAFKA_REBUILD_H
#define WEFT_WIRE_KAFKA_REBUILD_H

#include "wire/kafka_each.h"
#include "wire/kafka_produce.h"

/* [from, until) of the source is the next of the target. */
WIRE_INLINE void kafka_append(struct kafka_work *w, __u32 from, __u32 until)
{
	kafka_move(&w->text, KAFKA_TARGET + w->to, from, until - from);
	w->to += until - from;
}

/* The next header of w->record, unless it gives way. */
WIRE_STEP kafka_keep_step(__u32 i, void *arg)
{
	struct kafka_work *w = *(struct kafka_work **)arg;
	struct kafka_header header = kafka_header_read(w, w->header_at, w->record.end);

	(void)i;
	if (!header.end)
		return 1;
	if (!(header.has & w->record.drop))
		kafka_append(w, w->header_at, header.end);
	w->header_at = header.end;
	return 0;
}

WIRE_GLOBAL int kafka_record_write(struct kafka_work *w)
{
	struct kafka_record *r;
	__u64 added;
	__u32 count;

	if (!w)
		return 1;
	kafka_set_choose(w);
	if (!kafka_record_read(w))
		return 1;
	r = &w->record;
	w->at = r->end;
	w->emitting--;
	if (!r->changed) {
		kafka_append(w, r->start, r->end);
		return 0;
	}
	w->to += kafka_put_varint(&w->text, KAFKA_TARGET + w->to, r->new_bytes << 1);
	kafka_append(w, r->body, r->count_at);
	w->to += kafka_put_varint(&w->text, KAFKA_TARGET + w->to, r->new_count << 1);
	count = r->count;
	if (r->drop) {
		w->header_at = r->headers_at;
		wire_loop(count, kafka_keep_step, &w);
	} else {
		kafka_append(w, r->headers_at, r->end);
	}
	added = r->added;
	if (w->told) {
		kafka_append(w, kafka_set_at(w, w->set)->headers_at, kafka_set_at(w, w->set)->headers_at + r->added);
		kafka_each_of_set(w, w->to - r->added);
		return 0;
	}
	WIRE_OPAQUE(added);
	if (added == 0 || added > KAFKA_ADDED_CAP)
		return 1;
	wire_copy(kafka_at(&w->text, KAFKA_TARGET + w->to), w->added, added);
	if (w->each)
		kafka_each_stamp(w, w->to, w->sending, w->stamped++);
	w->to += (__u32)added;
	return 0;
}

/* What precedes the records of the partition at hand. */
WIRE_GLOBAL int kafka_batch_write(struct kafka_work *w)
{
	struct kafka_part *part;

	if (!w)
		return 1;
	part = kafka_part_at(w, w->part);
	kafka_append(w, w->from, part->length_at);
	if (w->compact) {
		w->to += kafka_put_varint(&w->text, KAFKA_TARGET + w->to, part->new_bytes + 1);
	} else {
		kafka_put_u32_at(&w->text, KAFKA_TARGET + w->to, part->new_bytes);
		w->to += 4;
	}
	w->batch_to = w->to;
	kafka_append(w, part->batch_at, part->batch_at + KAFKA_BATCH_HEAD);
	kafka_put_u32_at(&w->text, KAFKA_TARGET + w->batch_to + 8, part->new_bytes - 12);
	w->at = part->batch_at + KAFKA_BATCH_HEAD;
	w->batch_end = part->batch_at + part->batch_bytes;
	w->emitting = part->records;
	w->number = part->first;
	w->in_batch = 1;
	w->stays = 0;
	return 0;
}

/* All records of the partition at hand are written: now its sum. */
WIRE_GLOBAL int kafka_batch_close(struct kafka_work *w)
{
	struct kafka_part *part;

	if (!w)
		return 1;
	part = kafka_part_at(w, w->part);
	if (w->to != w->batch_to + part->new_bytes)
		return 1;
	kafka_put_u32_at(
	    &w->text, KAFKA_TARGET + w->batch_to + KAFKA_BATCH_CRC,
	    kafka_crc(&w->text, KAFKA_TARGET + w->batch_to + KAFKA_BATCH_SUMMED, part->new_bytes - KAFKA_BATCH_SUMMED));
	w->from = part->batch_at + part->batch_bytes;
	w->in_batch = 0;
	w->part++;
	return 0;
}

WIRE_GLOBAL int kafka_rebuild_next(struct kafka_work *w)
{
	if (!w)
		return 1;
	if (w->in_batch)
		return w->emitting ? kafka_record_write(w) : kafka_batch_close(w);
	if (w->part >= w->part_count) {
		w->outcome = KAFKA_WHOLE;
		return 1;
	}
	if (kafka_part_at(w, w->part)->changed)
		return kafka_batch_write(w);
	w->part++;
	return 0;
}

WIRE_STEP kafka_rebuild_step(__u32 i, void *arg)
{
	unsigned long stop = (unsigned long)kafka_rebuild_next(*(struct kafka_work **)arg);

	(void)i;
	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/*
 * Builds the request that is to be, at KAFKA_TARGET of w->text. Returns its length, which is also w->new_length; 0: it
 * cannot be. REQUIRES: kafka_produce_read() == KAFKA_WHOLE and w->changed; nothing given has changed since.
 */
WIRE_GLOBAL int kafka_rebuild(struct kafka_work *w)
{
	__u32 length;

	if (!w)
		return 0;
	w->new_length = 0;
	if (w->outcome != KAFKA_WHOLE || w->length > KAFKA_CAP || w->grown > (__s64)(KAFKA_CAP - w->length))
		return 0;
	length = (__u32)(w->length + w->grown);
	w->part = w->from = w->to = w->in_batch = w->emitting = 0;
	kafka_each_begin(w);
	w->outcome = KAFKA_UNDER_WAY;
	wire_loop(KAFKA_CAP, kafka_rebuild_step, &w);
	if (w->outcome != KAFKA_WHOLE)
		return 0;
	kafka_append(w, w->from, w->length);
	if (w->to != length)
		return 0;
	kafka_put_u32_at(&w->text, KAFKA_TARGET, length - KAFKA_LENGTH_BYTES);
	w->new_length = length;
	return (int)length;
}

#endif
