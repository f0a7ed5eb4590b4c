/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Reads a context in any of the formats from the carriers that carriers_scan has found. */
#ifndef WEFT_WIRE_FORMATS_H
#define WEFT_WIRE_FORMATS_H

#include "wire/b3.h"
#include "wire/jaeger.h"
#include "wire/xtraceid.h"

/* The one line of a header that may stand once only. */
WIRE_INLINE int context_single(const struct carriers *c, __u32 carrier, __u32 *range)
{
	WIRE_OPAQUE(carrier);
	carrier &= CARRIER_KINDS - 1;
	*range = text_range_word(carrier_value(c, carrier));
	return c->lines[carrier] == 0 ? CONTEXT_ABSENT : c->lines[carrier] == 1 ? CONTEXT_OK : CONTEXT_MALFORMED;
}

/*
 * The context of one format (enum context_format) to `out`, which means something with CONTEXT_OK and, but for the ids,
 * with CONTEXT_SAMPLING_ONLY. A header that stands twice is malformed. `fields` is working memory.
 */
WIRE_GLOBAL int context_read(const struct head_text *t, const struct carriers *c, __u32 format,
			     struct hex_fields *fields, struct traceparent *out)
{
	__u32 range = 0;
	int result;

	if (!t || !c || !fields || !out)
		return CONTEXT_ABSENT;
	switch (format) {
	case FORMAT_TRACECONTEXT:
		result = context_single(c, CARRIER_TRACEPARENT, &range);
		return result == CONTEXT_OK ? traceparent_read(t, range, out) : result;
	case FORMAT_B3:
		result = context_single(c, CARRIER_B3, &range);
		return result == CONTEXT_OK ? b3_read(t, range, fields, out) : result;
	case FORMAT_B3MULTI:
		return b3_multi_read(t, c, fields, out);
	case FORMAT_JAEGER:
		result = context_single(c, CARRIER_UBER_TRACE, &range);
		return result == CONTEXT_OK ? jaeger_read(t, range, fields, out) : result;
	case FORMAT_XTRACEID:
		return xtraceid_read(t, c, fields, out);
	}
	return CONTEXT_ABSENT;
}

#endif
