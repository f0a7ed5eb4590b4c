/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What an outgoing HTTP/2 request is to carry. */
#ifndef WEFT_PROTOCOLS_HTTP2_CLIENT_H
#define WEFT_PROTOCOLS_HTTP2_CLIENT_H

#include "protocols/http1/client.h"
#include "protocols/http1/police.h"
#include "protocols/http2/block.h"
#include "protocols/http2/writer.h"

static __always_inline void http2_leaves(struct scratch *s, __u32 result)
{
	s->decision.result = result;
	s->decision.writes = s->decision.over = 0;
}

/* Could there be a context that the walk did not see? Then the message is taken to have one of its own. */
static __always_inline bool http2_hides_context(const struct http2 *h, const struct scratch *s)
{
	__u32 flags = s->walk.flags;

	return (flags & (HTTP2_WALK_MAYBE | HTTP2_WALK_OTHER_UNREAD)) ||
	       ((flags & HTTP2_WALK_DEEP) && (h->seen & (HTTP2_SEEN_CONTEXT | HTTP2_SEEN_OTHER)));
}

/* May the carried context be written over? Only one traceparent alone, which is all that changes (see inject.h). */
static __always_inline bool http2_over_is_plain(const struct scratch *s)
{
	return s->decision.over == 1u << FORMAT_TRACECONTEXT && !(s->head.flags & HTTP1_HAS_CARRIERS) &&
	       (trusts_incoming(s) || !(has_lines(&s->head.tracestate) || (s->walk.flags & HTTP2_WALK_STATE_UNREAD)));
}

/* s->head is decided on: s->decision. REQUIRES: http2_head(). */
WIRE_GLOBAL int http2_decide(struct connection *c, struct http2 *h, struct scratch *s, struct process_entry *p)
{
	if (!c || !h || !s || !p)
		return 0;
	s->task_unknown = p->go || writer_is_known(h, s) ? 0 : TASK_OTHER;
	s->stream = h->stream;
	http1_decide(c, &s->head, s, p);
	if (s->decision.telemetry) {
		h->seen |= HTTP2_SEEN_TELEMETRY;
	} else if (!(s->walk.flags & HTTP2_WALK_PATH) && (h->seen & HTTP2_SEEN_TELEMETRY)) { /* it is an index by now */
		s->decision.telemetry = TELEMETRY_OTHER;
		decided(s, INJECTION_NOT_TRIED, ATTRIBUTION_NONE, 0);
	}
	s->stream = 0;
	s->task_unknown = 0;
	if (http2_hides_context(h, s)) {
		http2_leaves(s, INJECTION_OWN_HEADER);
		s->decision.attribution = ATTRIBUTION_NONE;
	}
	/* Nothing is wrong with a value that is an index: it cannot be read. */
	if (s->decision.result == INJECTION_INVALID_CARRIED && (s->walk.flags & HTTP2_WALK_UNREAD) &&
	    s->walk.contexts == 1)
		s->decision.result = INJECTION_INDEXED;
	if (s->walk.flags & HTTP2_WALK_CONTEXT)
		h->seen |= HTTP2_SEEN_CONTEXT;
	if (s->head.flags & HTTP1_HAS_CARRIERS)
		h->seen |= HTTP2_SEEN_OTHER;
	if (s->walk.flags & HTTP2_WALK_STATE_UNREAD)
		s->decision.writes &= ~WRITE_TRACESTATE;
	if (s->walk.flags & HTTP2_WALK_UNJUDGED)
		s->decision.writes &= ~(WRITE_BAGGAGE | WRITE_UBER_BAGGAGE);
	if (!(s->decision.writes | s->decision.over))
		return 0;
	if (http2_is_cut(h))
		http2_leaves(s, INJECTION_TOO_LARGE);
	else if (!(s->propagation.flags & PROPAGATION_HTTP2))
		http2_leaves(s, INJECTION_DESTINATION);
	else if (s->decision.over && !http2_over_is_plain(s))
		http2_leaves(s, INJECTION_INDEXED);
	return 0;
}

/* The baggage of the request is judged: s->rewrite. What was not read was not judged. REQUIRES: http2_decide(). */
static __always_inline void http2_police(struct connection *c, struct http2 *h, struct scratch *s,
					 struct process_entry *p)
{
	s->rewrite.again = s->rewrite.base = 0;
	http1_police_uber(c, &s->head, s, p);
	http1_police(c, &s->head, s, p, 0);
	if (s->walk.flags & HTTP2_WALK_BAGGAGE)
		h->seen |= HTTP2_SEEN_BAGGAGE;
	if ((s->walk.flags & HTTP2_WALK_UNJUDGED) || http2_is_cut(h) ||
	    ((s->walk.flags & HTTP2_WALK_DEEP) && (h->seen & HTTP2_SEEN_BAGGAGE)))
		s->rewrite.baggage_unjudged = BAGGAGE_TOO_MUCH;
}

/*
 * The request is decided on and judged, and `result` is what became of it. Baggage that should have changed and has not
 * (rewrite_polices) is counted with the reason `why`.
 */
WIRE_GLOBAL int http2_client_request(struct connection *c, struct http2 *h, struct scratch *s, __u32 result, __u32 why)
{
	if (!c || !h || !s)
		return 0;
	if (rewrite_polices(s) || s->rewrite.baggage_unjudged)
		http1_unenforced(c, s, why);
	s->stream = h->stream;
	http1_client_request(c, &s->head, s, result);
	s->stream = 0;
	return 0;
}

#endif
