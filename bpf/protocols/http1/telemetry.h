/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Telemetry of applications on its way to a back end: never traced, and spans among it tell who makes spans itself. */
#ifndef WEFT_PROTOCOLS_HTTP1_TELEMETRY_H
#define WEFT_PROTOCOLS_HTTP1_TELEMETRY_H

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

static __always_inline void emit_spans_sent(const struct scratch *s)
{
	struct process_event e = {};

	e.header.type = EVENT_PROCESS;
	e.header.time_ns = s->now_ns;
	e.tgid = s->pid_tgid >> 32;
	e.change = PROCESS_SENDS_SPANS;
	e.detail = s->decision.telemetry;
	ring_put(&e.header, sizeof(e));
}

#endif
