/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The decision about a head whose context was written over before the head was complete. */
#ifndef WEFT_PROTOCOLS_HTTP1_DECIDE_EARLY_H
#define WEFT_PROTOCOLS_HTTP1_DECIDE_EARLY_H

#include "protocols/http1/decide.h"

/* What http1_rewrite_early did is what this head carries; what it lacks, and lines that came after, still get it. */
WIRE_GLOBAL int http1_decided_early(struct connection *c, struct http1 *h, struct scratch *s)
{
	__u32 present;

	if (!c || !h || !s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	s->generation = c->generation;
	present = h->traceparent_lines ? 1u << FORMAT_TRACECONTEXT : 0;
	s->facts = REQUEST_HAS_CONTEXT | (h->flags & HTTP1_IS_10 ? REQUEST_HTTP10 : 0);
	s->parent = c->overwritten_parent;
	s->decision.result = INJECTION_OVERWRITTEN;
	s->decision.attribution = ATTRIBUTION_CARRIED;
	s->decision.writes = s->decision.over = 0;
	s->decision.telemetry = TELEMETRY_NONE; /* of which nothing is written over */
	__builtin_memcpy(s->decision.span_id, c->overwritten_span_id, 8);
	if (h->traceparent_lines > 1 || (h->flags & HTTP1_TEXT_LOST))
		return 0;
	if (h->flags & HTTP1_HAS_CARRIERS) {
		for (__u32 format = 0; format < FORMAT_IDS; format++)
			if (s->carried[format].result != CONTEXT_ABSENT)
				present |= 1u << format;
		if (exchange_copy(s->parent.exchange_id, &s->exchange))
			s->decision.over = formats_received(s);
	}
	if (!trusts_incoming(s)) /* tracestate that came after */
		s->decision.over |= 1u << FORMAT_TRACECONTEXT;
	s->decision.writes = format_writes(s, present) | missing_texts(c, h, s);
	if (!(c->destination & DESTINATION_CONTEXT) || propagation_pauses(&s->propagation)) /* since then */
		s->decision.writes = s->decision.over = 0;
	return 0;
}

#endif
