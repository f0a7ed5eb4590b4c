/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the observing and the changing side have in common about one direction of an HTTP/1.1 connection. */
#ifndef WEFT_PROTOCOLS_HTTP1_HALF_H
#define WEFT_PROTOCOLS_HTTP1_HALF_H

#include "lib/connection.h"

/* How many body bytes of the newest request have gone by. */
static __always_inline void http1_request_body(struct connection *c, const struct half *half)
{
	struct pending *pending = pending_at(c, c->pending_end - 1);

	if (pending_count(c) && !c->answers_lost)
		pending->request_bytes = half->body_bytes;
}

/* Bytes of the current head that came with earlier calls are put back into the text. */
static __always_inline bool http1_text_resume(struct connection *c, struct scratch *s, struct half *half)
{
	__u32 bytes = half->http1.head_bytes;

	if (s->text_loaded || !http1_in_head(&half->http1))
		return true;
	if (bytes > HEAD_TEXT_CAP)
		bytes = HEAD_TEXT_CAP;
	s->text_loaded = 1;
	if (!partial_load(partial_key(c->id, s->outgoing), &s->text, bytes))
		return false;
	partial_drop(partial_key(c->id, s->outgoing));
	return true;
}

#endif
