/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * B3 propagation, https://github.com/openzipkin/b3-propagation, in one header or in several:
 *
 *   b3: {trace id}-{span id}[-{0|1|d}[-{parent span id}]]  or  b3: {0|1|d}
 *   X-B3-TraceId, X-B3-SpanId, X-B3-ParentSpanId, X-B3-Sampled: 0|1, X-B3-Flags: 1 (debug)
 *
 * Trace ids have 16 or 32 lower-case hex digits, shorter ones are padded with zeros on the left; span ids have 16.
 * Debug counts as sampled. Without a sampling state the decision is the receiver's. The parent's id is never sent.
 */
#ifndef WEFT_WIRE_B3_H
#define WEFT_WIRE_B3_H

#include "wire/carriers.h"
#include "wire/context.h"

#define B3_BYTES 51u /* trace id, span id, sampling state */
#define B3_ROOM 56u  /* what b3_format may touch */

/* The sampling state `value` of one digit, to out->flags. */
WIRE_INLINE bool b3_decision(__u64 value, __u32 digits, struct traceparent *out)
{
	if (digits != 1 || (value > 1 && value != 0xd))
		return false;
	out->flags = value ? TRACE_FLAG_SAMPLED : 0;
	out->undecided = 0;
	return true;
}

/* The value in `range` (start | end << 16, trimmed). REQUIRES: `fields` is memory that nobody else uses. */
WIRE_INLINE int b3_read(const struct head_text *t, __u32 range, struct hex_fields *fields, struct traceparent *out)
{
	__u32 count;

	count = hex_fields_read(t, range, '-', fields);
	if (!count || fields->upper)
		return CONTEXT_MALFORMED;
	if (count == 1) {
		context_ids(out, 0, 0, 0);
		return b3_decision(fields->low[0], fields->digits[0], out) ? CONTEXT_SAMPLING_ONLY : CONTEXT_MALFORMED;
	}
	if ((fields->digits[0] != 16 && fields->digits[0] != 32) || fields->digits[1] != 16)
		return CONTEXT_MALFORMED;
	context_ids(out, fields->high[0], fields->low[0], fields->low[1]);
	if (count == 2)
		out->undecided = 1;
	else if (!b3_decision(fields->low[2], fields->digits[2], out))
		return CONTEXT_MALFORMED;
	if (count == 4 && fields->digits[3] != 16)
		return CONTEXT_MALFORMED;
	if (!(fields->high[0] | fields->low[0]) || !fields->low[1])
		return CONTEXT_ZERO_ID;
	return CONTEXT_OK;
}

/* One header of the several: an id of up to `digits` digits. */
WIRE_INLINE bool b3_id(const struct head_text *t, struct text_range range, struct hex_fields *fields)
{
	return hex_fields_read(t, text_range_word(range), '-', fields) == 1 && !fields->upper;
}

/* X-B3-Sampled and X-B3-Flags, to out->flags. False: a value that none of them may have. */
WIRE_INLINE bool b3_multi_decision(const struct head_text *t, const struct carriers *c, struct traceparent *out)
{
	struct text_range range = carrier_value(c, CARRIER_B3_FLAGS);
	__u64 word = wire_load64(t->bytes + head_text_index(range.start));

	if (range.end - range.start == 1 && (word & 0xff) == '1') { /* debug implies sampled */
		out->flags = TRACE_FLAG_SAMPLED;
		out->undecided = 0;
		return true;
	}
	range = carrier_value(c, CARRIER_B3_SAMPLED);
	word = wire_load64(t->bytes + head_text_index(range.start));
	out->flags = 0;
	out->undecided = 0;
	if (range.start == range.end) {
		out->undecided = 1;
		return true;
	}
	if ((range.end - range.start == 1 && (word & 0xff) == '0') ||
	    (range.end - range.start == 5 && (word & 0xffffffffff) == 0x65736c6166ULL)) /* false, before 2016 */
		return true;
	out->flags = TRACE_FLAG_SAMPLED;
	return (range.end - range.start == 1 && ((word & 0xff) == '1' || (word & 0xff) == 'd')) ||
	       (range.end - range.start == 4 && (word & 0xffffffff) == 0x65757274ULL); /* true */
}

/* The headers of `c`, which stand in `t`. */
WIRE_INLINE int b3_multi_read(const struct head_text *t, const struct carriers *c, struct hex_fields *fields,
			      struct traceparent *out)
{
	struct text_range trace, span;
	__u64 high, low;

	trace = carrier_value(c, CARRIER_B3_TRACE);
	span = carrier_value(c, CARRIER_B3_SPAN);
	if (!c->lines[CARRIER_B3_TRACE] && !c->lines[CARRIER_B3_SPAN]) {
		context_ids(out, 0, 0, 0);
		if (!b3_multi_decision(t, c, out))
			return CONTEXT_MALFORMED;
		return out->undecided ? CONTEXT_ABSENT : CONTEXT_SAMPLING_ONLY;
	}
	if (c->lines[CARRIER_B3_TRACE] != 1 || c->lines[CARRIER_B3_SPAN] != 1 || c->lines[CARRIER_B3_SAMPLED] > 1 ||
	    c->lines[CARRIER_B3_FLAGS] > 1)
		return CONTEXT_MALFORMED;
	if (!b3_id(t, trace, fields) || (fields->digits[0] != 16 && fields->digits[0] != 32))
		return CONTEXT_MALFORMED;
	high = fields->high[0];
	low = fields->low[0];
	if (!b3_id(t, span, fields) || fields->digits[0] != 16)
		return CONTEXT_MALFORMED;
	context_ids(out, high, low, fields->low[0]);
	if (!b3_multi_decision(t, c, out))
		return CONTEXT_MALFORMED;
	return (high | low) && fields->low[0] ? CONTEXT_OK : CONTEXT_ZERO_ID;
}

/* The single header with a sampling state, B3_BYTES long. `out` holds B3_ROOM bytes. */
WIRE_INLINE void b3_format(__u8 *out, const __u8 *trace_id, const __u8 *span_id, __u8 flags)
{
	context_write_id(out, trace_id);
	context_write_id(out + 16, trace_id + 8);
	out[32] = '-';
	context_write_id(out + 33, span_id);
	out[49] = '-';
	out[50] = flags & TRACE_FLAG_SAMPLED ? '1' : '0';
}

#endif
