/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* An outgoing HTTP/1.1 request becomes a client exchange, whether its bytes were changed or only seen. */
#ifndef WEFT_PROTOCOLS_HTTP1_CLIENT_H
#define WEFT_PROTOCOLS_HTTP1_CLIENT_H

#include "protocols/http1/decide_early.h"
#include "protocols/http1/unsampled.h"

/*
 * The exchange of the head in s->text, decided as s->decision says and carried out as `result` says. A client exchange
 * without a known parent is reported too (for metrics), with no ids.
 */
WIRE_GLOBAL int http1_client_request(struct connection *c, struct http1 *h, struct scratch *s, __u32 result)
{
	__u64 id;
	bool ends, followed = false, unsampled = false;

	if (!c || !h || !s)
		return 0;
	ends = h->method == HTTP1_METHOD_CONNECT || (h->flags & HTTP1_HAS_UPGRADE);
	if (s->decision.telemetry) {
		pending_push(c, s, 0, h->method, ends, false, false);
		if (s->decision.telemetry >= TELEMETRY_SPANS)
			spans_sent(s);
		return 0;
	}
	id = new_exchange_id();
	/* The note in short has the head's text, which a stream's head block may not give. */
	if (!s->stream && s->decision.attribution != ATTRIBUTION_NONE && !(s->parent.flags & TRACE_FLAG_SAMPLED) &&
	    !s->parent.report)
		unsampled =
		    unsampled_begin(c, s, id, http1_client_text(h, s), s->decision.attribution == ATTRIBUTION_ROOT);
	/* What has left already may be answered at once, and the answer must find it. */
	if (s->program != PROGRAM_MESSAGE)
		followed = pending_push(c, s, id, h->method, ends, false, unsampled);
	client_outcome(s, result);
	attribute_sent(c, s);
	count_injection(c->protocol, result);
	if (!unsampled)
		emit_request(c, s, id, s->stream ? 0 : h->head_bytes, http1_clear_bytes(h, s), &h->baggage, 0);
	/* What is still to be sent, only now: whoever ends it (a reset, for one) tells of its end after its beginning.
	 */
	if (s->program == PROGRAM_MESSAGE)
		followed = pending_push(c, s, id, h->method, ends, false, unsampled);
	if (!followed) /* its response will not be matched: it ends here */
		exchange_lost(c, s, id, unsampled);
	return 0;
}

#endif
