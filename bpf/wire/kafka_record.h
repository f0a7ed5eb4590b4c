/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* One record of a batch of format 2: where its parts are, and what it is to become. */
#ifndef WEFT_WIRE_KAFKA_RECORD_H
#define WEFT_WIRE_KAFKA_RECORD_H

#include "wire/kafka_work.h"

/* The next bytes are a length as a zigzag varint and so many bytes; -1 is null. Behind them; 0: there is no such thing.
 */
WIRE_INLINE __u32 kafka_skip_bytes(struct kafka_work *w, __u32 at, __u32 end)
{
	__u64 varint = kafka_varint(kafka_at(&w->text, at));
	__s32 bytes = kafka_unzigzag(varint);

	if (!varint)
		return 0;
	at += (__u32)(varint >> 32);
	if (at > end || bytes < -1 || bytes > (__s32)(end - at))
		return 0;
	return bytes > 0 ? at + (__u32)bytes : at;
}

#define KAFKA_SINGLE_PREFIX 8u
#define KAFKA_SINGLE_NAMED 0x2d65676167676162ULL /* baggage- */

/* KAFKA_HAS_* of a key of so many bytes; 0: another one. */
WIRE_INLINE __u32 kafka_key(struct kafka_work *w, __u32 at, __u32 bytes)
{
	const __u8 *key = kafka_at(&w->text, at);
	__u64 first = wire_load64(key);

	if (bytes == 11 && first == 0x7261706563617274ull) /* tracepar */
		return (wire_load64(key + 8) & 0xffffff) == 0x746e65 ? KAFKA_HAS_TRACEPARENT : 0;
	if (bytes == 10 && first == 0x6174736563617274ull) /* tracesta */
		return (wire_load64(key + 8) & 0xffff) == 0x6574 ? KAFKA_HAS_TRACESTATE : 0;
	if (bytes == 7 && (first & 0xffffffffffffffull) == 0x65676167676162ull) /* baggage */
		return KAFKA_HAS_BAGGAGE;
	return w->singles && bytes > KAFKA_SINGLE_PREFIX && first == KAFKA_SINGLE_NAMED ? KAFKA_HAS_BAGGAGE : 0;
}

struct kafka_header {
	__u32 end;
	__u32 has;
};

/* The header at `at`, which ends by `limit`; end == 0: it is none. */
WIRE_INLINE struct kafka_header kafka_header_read(struct kafka_work *w, __u32 at, __u32 limit)
{
	struct kafka_header header = {0, 0};
	__u64 varint = kafka_varint(kafka_at(&w->text, at));
	__s32 bytes = kafka_unzigzag(varint);

	at += (__u32)(varint >> 32);
	if (!varint || at > limit || bytes < 0 || bytes > (__s32)(limit - at))
		return header;
	header.has = kafka_key(w, at, (__u32)bytes);
	header.end = kafka_skip_bytes(w, at + (__u32)bytes, limit);
	return header;
}

WIRE_STEP kafka_header_step(__u32 i, void *arg)
{
	struct kafka_work *w = *(struct kafka_work **)arg;
	struct kafka_record *r = &w->record;
	struct kafka_header header = kafka_header_read(w, w->header_at, r->end);

	(void)i;
	if (!header.end) {
		w->header_at = 0;
		return 1;
	}
	if (header.has) {
		__u32 which = header.has >> 1;

		WIRE_OPAQUE(which);
		which &= 3;
		if (which < 3) {
			r->bytes[which] += header.end - w->header_at;
			r->counts[which]++;
		}
		r->has |= header.has;
	}
	w->header_at = header.end;
	return 0;
}

/* The record at w->at: w->record. 0 = it is none. */
WIRE_INLINE int kafka_record_bounds(struct kafka_work *w)
{
	struct kafka_record *r = &w->record;
	__u32 at = w->at, end, width;
	__u64 varint;
	__s32 number;

	r->start = at;
	varint = kafka_varint(kafka_at(&w->text, at));
	number = kafka_unzigzag(varint);
	at += (__u32)(varint >> 32);
	if (!varint || at > w->batch_end || number < 6 || number > (__s32)(w->batch_end - at))
		return 0;
	r->body = at;
	r->end = end = at + (__u32)number;
	at++;						    /* attributes */
	width = kafka_varint_width(kafka_at(&w->text, at)); /* difference in time */
	if (!width)
		return 0;
	at += width;
	varint = kafka_varint(kafka_at(&w->text, at)); /* difference in offset */
	if (!varint)
		return 0;
	at += (__u32)(varint >> 32);
	if (at > end)
		return 0;
	r->key_at = at;
	at = kafka_skip_bytes(w, at, end); /* key */
	if (!at)
		return 0;
	at = kafka_skip_bytes(w, at, end); /* value */
	if (!at || at >= end)
		return 0;
	r->count_at = at;
	varint = kafka_varint(kafka_at(&w->text, at));
	number = kafka_unzigzag(varint);
	at += (__u32)(varint >> 32);
	if (!varint || at > end || number < 0 || number > (__s32)KAFKA_HEADERS_MOST)
		return 0;
	r->headers_at = at;
	r->count = (__u32)number;
	return 1;
}

/* The record at w->at and what it is to become: w->record. 0 = it is none. */
WIRE_INLINE int kafka_record_read(struct kafka_work *w)
{
	struct kafka_record *r;
	__u32 count, dropped = 0, dropped_bytes = 0, added_count;

	if (!w || !kafka_record_bounds(w))
		return 0;
	r = &w->record;
	r->has = r->changed = r->drop = r->added = 0;
	for (__u32 name = 0; name < 3; name++)
		r->bytes[name] = r->counts[name] = 0;
	count = r->count;
	w->header_at = r->headers_at;
	if (count)
		wire_loop(count, kafka_header_step, &w);
	if (w->header_at != r->end)
		return 0;
	r->new_count = count;
	r->new_bytes = r->end - r->body;
	if (!w->ids_count || w->stays || ((r->has & KAFKA_HAS_CONTEXT) && !w->replace))
		return 1;
	r->changed = 1;
	r->drop = KAFKA_HAS_CONTEXT;
	r->added = w->ids_bytes;
	added_count = w->ids_count;
	if (w->baggage_bytes && (w->replace || !(r->has & KAFKA_HAS_BAGGAGE))) {
		r->drop |= KAFKA_HAS_BAGGAGE;
		r->added += w->baggage_bytes;
		added_count += w->baggage_count;
	}
	r->drop &= r->has;
	for (__u32 name = 0; name < 3; name++) {
		if (!(r->drop >> name & 1))
			continue;
		dropped += r->counts[name];
		dropped_bytes += r->bytes[name];
	}
	r->new_count = count - dropped + added_count;
	r->new_bytes += r->added - dropped_bytes + kafka_width(r->new_count << 1) - (r->headers_at - r->count_at);
	return 1;
}

#endif
