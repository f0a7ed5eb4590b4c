/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* How much of a head is kept of a request that is not sampled: what metrics tell apart, or nothing. */
#ifndef WEFT_PROTOCOLS_HTTP1_UNSAMPLED_H
#define WEFT_PROTOCOLS_HTTP1_UNSAMPLED_H

#include "maps/scratch.h"
#include "wire/http1.h"

/* Index of the first byte `c` in [at, end) of the text, `end` when there is none. At most UNSAMPLED_TEXT_MAX on. */
static __always_inline __u32 head_find(const struct scratch *s, __u32 at, __u32 end, __u8 c)
{
	for (__u32 i = 0; i < UNSAMPLED_TEXT_MAX / 8 && at < end; i++, at += 8) {
		__u64 found = word_equal(wire_load64(s->text.bytes + head_text_index(at)), c);

		if (found) {
			at += word_first(found);
			return at < end ? at : end;
		}
	}
	return end;
}

/* Bytes of the request line up to the target's end, or to where its query begins when it is long; 0: too long. */
static __always_inline __u32 http1_server_text(const struct http1 *h, const struct scratch *s)
{
	__u32 query;

	if (h->target.end <= UNSAMPLED_TEXT_MAX)
		return h->target.end;
	query = head_find(s, h->target.start, UNSAMPLED_TEXT_MAX - 1, '?');
	return query < UNSAMPLED_TEXT_MAX - 1 ? query + 1 : 0;
}

/* Bytes of the request line and the Host line, which has to be the next; 0: it is not, or they are too long. */
static __always_inline __u32 http1_client_text(const struct http1 *h, const struct scratch *s)
{
	__u32 host = h->target.end + sizeof(" HTTP/1.1\r\n") - 1, end;
	__u64 name = wire_load64(s->text.bytes + head_text_index(host)) & 0xffffffffffULL;

	if (host > UNSAMPLED_TEXT_MAX || (name | 0x2020202020ULL) != 0x3a74736f68ULL) /* host: */
		return 0;
	end = head_find(s, host, UNSAMPLED_TEXT_MAX - 1, '\n');
	return end < UNSAMPLED_TEXT_MAX - 1 ? end + 1 : 0;
}

#endif
