/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* An outgoing HTTP/1.1 request becomes a client exchange, whether its bytes were changed or only seen. */
#ifndef WEFT_PROTOCOLS_HTTP1_CLIENT_H
#define WEFT_PROTOCOLS_HTTP1_CLIENT_H

#include "protocols/http1/decide_early.h"
#include "protocols/http1/unsampled.h"

/* Does the target begin with these bytes? Longest prefix looked for: 16. */
static __always_inline bool target_begins(const struct scratch *s, const struct http1 *h, __u64 first,
					  __u32 first_bytes, __u64 second, __u32 second_bytes)
{
	const __u8 *target = s->text.bytes + head_text_index(h->target.start);
	__u64 mask1 = first_bytes >= 8 ? ~0ULL : (1ULL << (8 * first_bytes)) - 1;
	__u64 mask2 = second_bytes >= 8 ? ~0ULL : (1ULL << (8 * second_bytes)) - 1;

	return (wire_load64(target) & mask1) == first && (wire_load64(target + 8) & mask2) == second;
}

/* Telemetry of the application itself on its way to a back end: OTLP/HTTP, Zipkin, Jaeger. Never traced. */
static __always_inline bool is_telemetry(const struct scratch *s, const struct http1 *h)
{
	if (h->method != HTTP1_METHOD_POST || h->target.end - h->target.start < 8)
		return false;
	return target_begins(s, h, 0x636172742f31762fULL, 8, 0x7365ULL, 2) ||		/* /v1/traces */
	       target_begins(s, h, 0x7274656d2f31762fULL, 8, 0x736369ULL, 3) ||		/* /v1/metrics */
	       target_begins(s, h, 0x73676f6c2f31762fULL, 8, 0, 0) ||			/* /v1/logs */
	       target_begins(s, h, 0x2f32762f6970612fULL, 8, 0x736e617073ULL, 5) ||	/* /api/v2/spans */
	       target_begins(s, h, 0x2f31762f6970612fULL, 8, 0x736e617073ULL, 5) ||	/* /api/v1/spans */
	       target_begins(s, h, 0x6172742f6970612fULL, 8, 0x736563ULL, 3) ||		/* /api/traces */
	       target_begins(s, h, 0x6c65746e65706f2fULL, 8, 0x702e797274656d65ULL, 8); /* /opentelemetry.p: by gRPC */
}

static __always_inline void emit_telemetry_seen(struct connection *c, struct scratch *s)
{
	struct process_event e = {};

	e.header.type = EVENT_PROCESS;
	e.header.time_ns = s->now_ns;
	e.tgid = s->pid_tgid >> 32;
	e.change = PROCESS_EXPORTS;
	ring_put(&e.header, sizeof(e));
}

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
	if (is_telemetry(s, h)) {
		attribute_acted(s);
		pending_push(c, s, 0, h->method, ends, false, false);
		emit_telemetry_seen(c, s);
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
	count_injection(result);
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
