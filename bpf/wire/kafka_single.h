/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Baggage as one record header a member: "baggage-KEY", whose value is that of the member, percent-decoded and without
 * spaces around it. Properties are dropped, and so are members whose key is no token (RFC 9110, section 5.6.2).
 */
#ifndef WEFT_WIRE_KAFKA_SINGLE_H
#define WEFT_WIRE_KAFKA_SINGLE_H

#include "wire/head_text.h"
#include "wire/kafka_record.h"
#include "wire/uber_baggage.h"

struct kafka_single_run {
	const struct head_text *text;
	struct kafka_work *work;
};

WIRE_INLINE void kafka_single_put(struct kafka_work *w, __u32 b)
{
	__u32 to = w->single.to;

	if (to >= KAFKA_ADDED_CAP) {
		w->single.full = 1;
		return;
	}
	WIRE_OPAQUE(to);
	w->added[to & (KAFKA_ADDED_CAP - 1)] = (__u8)b;
	w->single.to = to + 1;
}

/* A length as a zigzag varint. */
WIRE_INLINE void kafka_single_put_length(struct kafka_work *w, __u32 bytes)
{
	__u32 value = bytes << 1;

	if (value >= 1u << 14)
		kafka_single_put(w, (value & 0x7f) | 0x80);
	if (value >= 1u << 14)
		value >>= 7;
	if (value >= 1u << 7) {
		kafka_single_put(w, (value & 0x7f) | 0x80);
		value >>= 7;
	}
	kafka_single_put(w, value);
}

WIRE_INLINE __u32 kafka_single_digit(__u32 b)
{
	return b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10;
}

/* The byte of the value at s->pos, decoded; s->pos goes behind it. */
WIRE_INLINE __u32 kafka_single_byte(const struct head_text *t, struct kafka_single *s)
{
	__u32 b = head_text_at(t, s->pos), high, low;

	s->pos++;
	if (b != '%' || s->pos + 2 > s->end)
		return b;
	high = head_text_at(t, s->pos);
	low = head_text_at(t, s->pos + 1);
	if (!uber_is_hex(high) || !uber_is_hex(low))
		return b;
	s->pos += 2;
	return kafka_single_digit(high) << 4 | kafka_single_digit(low);
}

/* Does a member, or its value, end at s->pos? */
WIRE_INLINE bool kafka_single_ends(const struct head_text *t, const struct kafka_single *s)
{
	__u32 b = head_text_at(t, s->pos);

	return s->pos >= s->end || b == ',' || (b == ';' && s->state != KAFKA_SINGLE_SKIP);
}

WIRE_INLINE void kafka_single_key(const struct head_text *t, struct kafka_work *w)
{
	struct kafka_single *s = &w->single;
	__u32 b = head_text_at(t, s->pos);

	if (kafka_single_ends(t, s) || (b != '=' && !uber_name_byte(b)) || (b == '=' && s->pos == s->key_at)) {
		s->state = KAFKA_SINGLE_SKIP;
		return;
	}
	s->pos++;
	if (b != '=')
		return;
	s->key_bytes = s->pos - 1 - s->key_at;
	s->begin = s->to;
	kafka_single_put_length(w, KAFKA_SINGLE_PREFIX + s->key_bytes);
	if (s->to + KAFKA_SINGLE_PREFIX > KAFKA_ADDED_CAP) {
		s->full = 1;
		return;
	}
	s->value_at = s->to; /* here: where the name begins */
	WIRE_OPAQUE(s->value_at);
	wire_store64(w->added + (s->value_at & (KAFKA_ADDED_CAP - 1)), KAFKA_SINGLE_NAMED);
	s->to += KAFKA_SINGLE_PREFIX;
	s->value_at = s->pos;
	s->pos = s->key_at;
	s->state = KAFKA_SINGLE_NAME;
}

WIRE_STEP kafka_single_step(__u32 i, void *arg)
{
	struct kafka_single_run *run = (struct kafka_single_run *)arg;
	const struct head_text *t = run->text;
	struct kafka_work *w = run->work;
	struct kafka_single *s = &w->single;
	__u32 b;

	(void)i;
	if (s->full)
		return 1;
	switch (s->state) {
	case KAFKA_SINGLE_BETWEEN:
		if (s->pos >= s->end)
			return 1;
		s->key_at = s->pos;
		s->state = KAFKA_SINGLE_KEY;
		return 0;
	case KAFKA_SINGLE_KEY:
		kafka_single_key(t, w);
		return 0;
	case KAFKA_SINGLE_NAME:
		if (s->pos < s->key_at + s->key_bytes) {
			kafka_single_put(w, head_text_at(t, s->pos));
			s->pos++;
			return 0;
		}
		s->pos = s->value_at;
		s->bytes = s->solid = 0;
		s->state = KAFKA_SINGLE_VALUE;
		return 0;
	case KAFKA_SINGLE_VALUE:
		if (!kafka_single_ends(t, s)) {
			__u32 at = s->pos;

			b = kafka_single_byte(t, s);
			s->bytes++;
			if (b != ' ' && b != '\t')
				s->solid = s->bytes;
			else if (s->pos > at + 1) /* one that is encoded belongs to it */
				s->solid = s->bytes;
			else if (!s->solid) { /* a space before it */
				s->bytes = 0;
				s->value_at = s->pos;
			}
			return 0;
		}
		kafka_single_put_length(w, s->solid);
		s->written = 0;
		s->pos = s->value_at;
		s->state = KAFKA_SINGLE_DATA;
		return 0;
	case KAFKA_SINGLE_DATA:
		if (s->written < s->solid) {
			kafka_single_put(w, kafka_single_byte(t, s));
			s->written++;
			return 0;
		}
		w->baggage_count++;
		s->begin = s->to;
		s->state = KAFKA_SINGLE_SKIP;
		return 0;
	}
	if (kafka_single_ends(t, s))
		s->state = KAFKA_SINGLE_BETWEEN;
	s->pos++;
	return 0;
}

/*
 * The members of the checked baggage in [0, bytes) of `t` become headers behind w->ids_bytes in w->added:
 * w->baggage_bytes and w->baggage_count. What finds no room there is left out, and all after it.
 */
WIRE_GLOBAL int kafka_single_headers(const struct head_text *t, struct kafka_work *w, __u32 bytes)
{
	struct kafka_single_run run = {};

	if (!t || !w || bytes > HEAD_TEXT_CAP || w->ids_bytes > KAFKA_ADDED_CAP)
		return 0;
	run.text = t;
	run.work = w;
	w->baggage_bytes = w->baggage_count = 0;
	w->single.state = KAFKA_SINGLE_BETWEEN;
	w->single.pos = w->single.full = 0;
	w->single.end = bytes;
	w->single.to = w->single.begin = w->ids_bytes;
	/* Each byte is looked at twice, and a member takes five steps more, of which it has two bytes at least. */
	wire_loop(HEAD_TEXT_CAP * 5, kafka_single_step, &run);
	w->baggage_bytes = w->single.begin - w->ids_bytes;
	return 0;
}

#endif
