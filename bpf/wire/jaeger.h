/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Jaeger propagation, https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format:
 *
 *   uber-trace-id: {trace id}:{span id}:{parent span id}:{flags}
 *
 * Hex of either case, leading zeros may be missing; the parent is deprecated and ignored; flags: bit 0 sampled, bit 1
 * debug, which counts as sampled. The colons may be percent-encoded.
 */
#ifndef WEFT_WIRE_JAEGER_H
#define WEFT_WIRE_JAEGER_H

#include "wire/context.h"

#define JAEGER_BYTES 53u
#define JAEGER_ROOM 56u

/* The value in `range` (start | end << 16, trimmed). REQUIRES: `fields` is memory that nobody else uses. */
WIRE_INLINE int jaeger_read(const struct head_text *t, __u32 range, struct hex_fields *fields, struct traceparent *out)
{
	if (hex_fields_read(t, range, ':', fields) != 4)
		return CONTEXT_MALFORMED;
	if (!fields->digits[0] || !fields->digits[1] || fields->digits[1] > 16 || !fields->digits[2] ||
	    fields->digits[2] > 16 || !fields->digits[3] || fields->digits[3] > 2)
		return CONTEXT_MALFORMED;
	context_ids(out, fields->high[0], fields->low[0], fields->low[1]);
	out->flags = fields->low[3] & 3 ? TRACE_FLAG_SAMPLED : 0;
	return (fields->high[0] | fields->low[0]) && fields->low[1] ? CONTEXT_OK : CONTEXT_ZERO_ID;
}

/* JAEGER_BYTES with parent 0. `out` holds JAEGER_ROOM bytes. */
WIRE_INLINE void jaeger_format(__u8 *out, const __u8 *trace_id, const __u8 *span_id, __u8 flags)
{
	context_write_id(out, trace_id);
	context_write_id(out + 16, trace_id + 8);
	out[32] = ':';
	context_write_id(out + 33, span_id);
	out[49] = ':';
	out[50] = '0';
	out[51] = ':';
	out[52] = flags & TRACE_FLAG_SAMPLED ? '1' : '0';
}

#endif
