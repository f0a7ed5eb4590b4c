/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/1.1 framing: chunk sizes, extensions and trailers. */
#ifndef WEFT_WIRE_HTTP1_CHUNKS_H
#define WEFT_WIRE_HTTP1_CHUNKS_H

#include "wire/http1_bytes.h"

/* One byte of chunked framing (RFC 9112 section 7.1). */
WIRE_INLINE enum http1_event http1_chunk_byte(struct http1 *h, __u8 b)
{
	int digit;

	switch (h->state) {
	case HTTP1_CHUNK_SIZE_START:
		digit = http1_hex_digit(b);
		if (digit < 0)
			return HTTP1_BAD;
		h->left = (__u64)digit;
		h->name_length = 1;
		h->state = HTTP1_CHUNK_SIZE;
		return HTTP1_MORE;
	case HTTP1_CHUNK_SIZE:
		digit = http1_hex_digit(b);
		if (digit >= 0) {
			if (h->name_length >= 11)
				return HTTP1_BAD;
			h->left = h->left << 4 | (__u64)digit;
			h->name_length++;
			return HTTP1_MORE;
		}
		if (b == '\r')
			h->state = HTTP1_CHUNK_SIZE_LF;
		else if (b == ';' || b == ' ' || b == '\t')
			h->state = HTTP1_CHUNK_EXTENSION;
		else
			return HTTP1_BAD;
		return HTTP1_MORE;
	case HTTP1_CHUNK_EXTENSION:
	case HTTP1_TRAILER_SKIP:
		if (b == '\r') {
			h->state = h->state == HTTP1_CHUNK_EXTENSION ? HTTP1_CHUNK_SIZE_LF : HTTP1_TRAILER_LF;
			return HTTP1_MORE;
		}
		return b < 0x20 && b != '\t' ? HTTP1_BAD : HTTP1_MORE;
	case HTTP1_CHUNK_SIZE_LF:
		if (b != '\n')
			return HTTP1_BAD;
		h->state = h->left ? HTTP1_CHUNK_DATA : HTTP1_TRAILER_LINE;
		return h->left ? HTTP1_DATA : HTTP1_MORE;
	case HTTP1_CHUNK_DATA_CR:
		h->state = HTTP1_CHUNK_DATA_LF;
		return b == '\r' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_CHUNK_DATA_LF:
		h->state = HTTP1_CHUNK_SIZE_START;
		return b == '\n' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_LINE:
		if (b == '\r') {
			h->state = HTTP1_TRAILER_END_LF;
			return HTTP1_MORE;
		}
		h->state = HTTP1_TRAILER_SKIP;
		return http1_is_token_byte(b) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_LF:
		h->state = HTTP1_TRAILER_LINE;
		return b == '\n' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_END_LF:
		h->state = HTTP1_START;
		return b == '\n' ? HTTP1_END : HTTP1_BAD;
	}
	return HTTP1_BAD;
}

#endif
