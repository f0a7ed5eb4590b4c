/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Telemetry of applications on its way to a back end: never traced, and spans among it tell who makes spans itself. */
#ifndef WEFT_PROTOCOLS_HTTP1_TELEMETRY_H
#define WEFT_PROTOCOLS_HTTP1_TELEMETRY_H

#include "lib/attribute.h"
#include "maps/ring.h"
#include "maps/scratch.h"
#include "wire/http1.h"
#include "wire/telemetry.h"

/* What the request with this head hands over: enum telemetry. */
static __always_inline __u32 telemetry_of(const struct http1 *h, const struct scratch *s)
{
	return h->method == HTTP1_METHOD_POST ? telemetry_posted(&s->text, h->target.start, h->target.end)
					      : TELEMETRY_NONE;
}

static __always_inline bool emit_spans(const struct scratch *s, __u32 change, __u32 kind)
{
	struct process_event e = {};

	e.header.type = EVENT_PROCESS;
	e.header.time_ns = s->now_ns;
	e.tgid = s->pid_tgid >> 32;
	e.change = change;
	e.detail = kind;
	return ring_put(&e.header, sizeof(e));
}

/* A gateway passes on what it receives: what it sends is no sign that it makes spans. */
WIRE_GLOBAL int spans_sent(const struct scratch *s)
{
	struct process_entry *p;

	if (!s)
		return 0;
	p = process_get(s->pid_tgid >> 32);
	if (p && !(p->findings & FINDING_TAKES_SPANS))
		emit_spans(s, PROCESS_SENDS_SPANS, s->decision.telemetry);
	return 0;
}

/*
 * Does the server's request with this head hand over spans? Noted of the process; the first three are told, as one may
 * be a stranger's.
 */
WIRE_GLOBAL int spans_taken(struct http1 *h, struct scratch *s, struct process_entry *p)
{
	__u32 kind, known;

	if (!h || !s || !p)
		return 0;
	kind = telemetry_of(h, s);
	if (kind < TELEMETRY_SPANS)
		return 0;
	known = p->findings;
	if (!(known & FINDING_TAKES_OFTEN) && emit_spans(s, PROCESS_TAKES_SPANS, kind))
		finding(p, known & FINDING_TAKES_TWICE	 ? FINDING_TAKES_OFTEN
			   : known & FINDING_TAKES_SPANS ? FINDING_TAKES_TWICE
							 : FINDING_TAKES_SPANS);
	return 1;
}

#endif
