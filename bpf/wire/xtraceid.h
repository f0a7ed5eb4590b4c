/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * X-Trace-ID and X-Parent-ID. 32 hex digits are the trace id. Any other value of 8 to 128 printable bytes is opaque:
 * the trace id is derived from it, high half FNV-1a 64 of the bytes, low half FNV-1a 64 of the bytes and a final 0x01,
 * so that one value is one trace on every node. X-Parent-ID is optional, 16 hex digits; anything else does not count.
 */
#ifndef WEFT_WIRE_XTRACEID_H
#define WEFT_WIRE_XTRACEID_H

#include "wire/carriers.h"
#include "wire/context.h"

#define XTRACEID_OPAQUE_MIN 8u
#define XTRACEID_OPAQUE_MAX 128u
#define FNV1A_BASIS 0xcbf29ce484222325ULL
#define FNV1A_PRIME 0x100000001b3ULL

struct fnv1a_run {
	const struct head_text *text;
	struct hex_fields *at; /* low[0] is the sum */
};

WIRE_STEP fnv1a_step(__u32 i, void *arg)
{
	const struct fnv1a_run *run = (const struct fnv1a_run *)arg;
	struct hex_fields *at = run->at;
	__u32 b;

	(void)i;
	if (at->pos >= at->end)
		return 1;
	b = head_text_at(run->text, at->pos);
	at->pos++;
	at->bad |= b < 0x20 || b > 0x7e;
	at->low[0] = (at->low[0] ^ b) * FNV1A_PRIME;
	return 0;
}

WIRE_INLINE int xtraceid_opaque(const struct head_text *t, struct text_range range, struct hex_fields *at,
				struct traceparent *out)
{
	struct fnv1a_run run = {};
	__u32 bytes = (__u32)range.end - range.start;

	if (bytes < XTRACEID_OPAQUE_MIN || bytes > XTRACEID_OPAQUE_MAX)
		return CONTEXT_MALFORMED;
	at->low[0] = FNV1A_BASIS;
	at->pos = range.start;
	at->end = range.end;
	at->bad = 0;
	run.text = t;
	run.at = at;
	wire_loop(XTRACEID_OPAQUE_MAX + 1, fnv1a_step, &run);
	if (at->bad)
		return CONTEXT_MALFORMED;
	context_ids(out, at->low[0], (at->low[0] ^ 1) * FNV1A_PRIME, 0);
	out->opaque = 1;
	return CONTEXT_OK;
}

/*
 * The headers of `c`, which stand in `t`. out->parent_id is zero without X-Parent-ID; the decision is the receiver's.
 * REQUIRES: `fields` is memory that nobody else uses.
 */
WIRE_INLINE int xtraceid_read(const struct head_text *t, const struct carriers *c, struct hex_fields *fields,
			      struct traceparent *out)
{
	struct text_range range;
	int result = CONTEXT_OK;

	if (!c->lines[CARRIER_X_TRACE])
		return CONTEXT_ABSENT;
	range = carrier_value(c, CARRIER_X_TRACE);
	if (c->lines[CARRIER_X_TRACE] != 1 || range.end > HEAD_TEXT_CAP || range.start > range.end)
		return CONTEXT_MALFORMED;
	if (range.end - range.start == 32 && hex_fields_read(t, text_range_word(range), ' ', fields) == 1) {
		context_ids(out, fields->high[0], fields->low[0], 0);
		if (!(fields->high[0] | fields->low[0]))
			return CONTEXT_ZERO_ID;
	} else {
		result = xtraceid_opaque(t, range, fields, out);
		if (result != CONTEXT_OK)
			return result;
	}
	out->undecided = 1;
	range = carrier_value(c, CARRIER_X_PARENT);
	if (c->lines[CARRIER_X_PARENT] == 1 && range.end - range.start == 16 &&
	    hex_fields_read(t, text_range_word(range), ' ', fields) == 1)
		context_store_id(out->parent_id, fields->low[0]);
	return result;
}

#endif
