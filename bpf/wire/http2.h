/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/2 framing (RFC 9113), one direction of one connection, incremental: any split of the bytes gives the same
 * result. No allocation, no maps; the same code in the kernel, in the agent's tests and in the fuzzer.
 *
 * How a caller drives it, while there are bytes:
 *  - http2_small_wanted(h) > 0: that many bytes are looked at together. When they are there, http2_small() takes them;
 *    until then they wait in h->small (h->have says how many do).
 *  - HTTP2_FRAGMENT: the next http2_fragment_left(h) bytes are header block, to be put into the text at index
 *    h->block_bytes (what does not fit is dropped). http2_fragment_took() says how many were.
 *  - HTTP2_DATA: the next http2_data_left(h) bytes are the stream's. http2_data_took().
 *  - HTTP2_SKIP: the next h->left bytes say nothing. http2_skipped().
 *
 * Each returns an enum http2_event. HTTP2_BAD: never to be touched again.
 */
#ifndef WEFT_WIRE_HTTP2_H
#define WEFT_WIRE_HTTP2_H

#include "wire/http2_state.h"

WIRE_INLINE __u32 http2_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

/* A direction begins: the client's with its preface. */
WIRE_INLINE void http2_begin(struct http2 *h, bool preface)
{
	h->state = preface ? HTTP2_PREFACE : HTTP2_BETWEEN;
	h->have = 0;
	h->in_block = h->push = h->seen = 0;
	h->last_stream = h->sequence = h->writer = h->written = h->written_for = 0;
	h->list_limit = HTTP2_LIST_AT_FIRST + 1;
	h->frame_units = 0;
	h->names.codes[0] = h->names.codes[1] = h->names.codes[2] = h->names.codes[3] = 0;
	h->names.known = 0;
	h->names.complete = 1;
}

/* Bytes that stand between a frame's header and its payload. */
WIRE_INLINE __u32 http2_prefix_bytes(const struct http2 *h)
{
	__u32 bytes = h->flags & HTTP2_PADDED ? 1 : 0;

	if (h->type == HTTP2_FRAME_HEADERS && (h->flags & HTTP2_PRIORITY))
		bytes += 5;
	if (h->type == HTTP2_FRAME_PUSH_PROMISE)
		bytes += 4;
	return bytes;
}

WIRE_INLINE __u32 http2_small_wanted(const struct http2 *h)
{
	switch (h->state) {
	case HTTP2_BETWEEN:
	case HTTP2_FRAME:
		return HTTP2_FRAME_HEADER_BYTES;
	case HTTP2_PREFACE:
		return HTTP2_PREFACE_BYTES;
	case HTTP2_PREFIX:
		return http2_prefix_bytes(h);
	case HTTP2_SMALL:
		return h->type == HTTP2_FRAME_SETTINGS ? 6 : h->type == HTTP2_FRAME_GOAWAY ? 8 : 4;
	}
	return 0;
}

/* The payload is over. */
WIRE_INLINE void http2_frame_ends(struct http2 *h)
{
	h->state = h->in_block ? HTTP2_FRAME : HTTP2_BETWEEN;
}

WIRE_INLINE void http2_skip_rest(struct http2 *h)
{
	h->state = HTTP2_SKIP;
	if (!h->left)
		http2_frame_ends(h);
}

WIRE_INLINE enum http2_event http2_skipped(struct http2 *h, __u32 bytes)
{
	h->left -= bytes;
	if (!h->left)
		http2_frame_ends(h);
	return HTTP2_MORE;
}

WIRE_INLINE __u32 http2_data_left(const struct http2 *h)
{
	return h->left - h->pad;
}

WIRE_INLINE enum http2_event http2_data_took(struct http2 *h, __u32 bytes)
{
	h->left -= bytes;
	if (h->left != h->pad)
		return HTTP2_MORE;
	http2_skip_rest(h);
	return h->flags & HTTP2_END_STREAM ? HTTP2_ENDED : HTTP2_MORE;
}

WIRE_INLINE __u32 http2_fragment_left(const struct http2 *h)
{
	return h->left - h->pad;
}

WIRE_INLINE enum http2_event http2_fragment_took(struct http2 *h, __u32 bytes)
{
	h->left -= bytes;
	h->block_bytes += bytes;
	if (h->left != h->pad)
		return HTTP2_MORE;
	h->in_block = !(h->flags & HTTP2_END_HEADERS);
	http2_skip_rest(h);
	return h->in_block ? HTTP2_MORE : HTTP2_BLOCK;
}

/* The payload proper begins: DATA, or a piece of a header block. */
WIRE_INLINE enum http2_event http2_payload(struct http2 *h)
{
	if (h->pad > h->left)
		return HTTP2_BAD;
	if (h->type == HTTP2_FRAME_DATA) {
		h->state = HTTP2_DATA;
		if (h->left == h->pad)
			return http2_data_took(h, 0);
		return HTTP2_PAYLOAD;
	}
	if (h->type != HTTP2_FRAME_CONTINUATION) {
		h->block_bytes = 0;
		h->block_flags = h->flags;
		h->push = h->type == HTTP2_FRAME_PUSH_PROMISE;
	}
	h->state = HTTP2_FRAGMENT;
	return h->left == h->pad ? http2_fragment_took(h, 0) : HTTP2_MORE;
}

/* A frame header is complete. Section 6 says what is an error of the connection. */
WIRE_INLINE enum http2_event http2_frame(struct http2 *h, const __u8 *p)
{
	__u32 stream = http2_be32(p + 5);

	h->left = h->length = (__u32)p[0] << 16 | (__u32)p[1] << 8 | p[2];
	h->type = p[3];
	h->flags = p[4];
	h->pad = 0;
	if (stream >> 31)
		return HTTP2_BAD;
	if (h->in_block != (h->type == HTTP2_FRAME_CONTINUATION) || (h->in_block && stream != h->stream))
		return HTTP2_BAD;
	h->stream = stream;
	h->state = HTTP2_SMALL;
	switch (h->type) {
	case HTTP2_FRAME_HEADERS:
	case HTTP2_FRAME_PUSH_PROMISE:
	case HTTP2_FRAME_DATA:
		if (!stream || http2_prefix_bytes(h) > h->left)
			return HTTP2_BAD;
		if (!http2_prefix_bytes(h))
			return http2_payload(h);
		h->state = HTTP2_PREFIX;
		return HTTP2_MORE;
	case HTTP2_FRAME_CONTINUATION:
		return http2_payload(h);
	case HTTP2_FRAME_RST_STREAM:
		return stream && h->left == 4 ? HTTP2_MORE : HTTP2_BAD;
	case HTTP2_FRAME_GOAWAY:
		return !stream && h->left >= 8 ? HTTP2_MORE : HTTP2_BAD;
	case HTTP2_FRAME_SETTINGS:
		if (stream || h->left % 6 || ((h->flags & HTTP2_ACK) && h->left))
			return HTTP2_BAD;
		if (h->list_limit == HTTP2_LIST_AT_FIRST + 1 && !(h->flags & HTTP2_ACK))
			h->list_limit = 0;
		if (!h->left)
			http2_frame_ends(h);
		return HTTP2_MORE;
	}
	/* Known ones are short, and unknown ones never so long: this is text, of another protocol. */
	if (h->left > HTTP2_FRAME_MOST)
		return HTTP2_BAD;
	http2_skip_rest(h);
	return HTTP2_MORE;
}

/* A setting is complete. Lower limits are in force later than they are seen, and no one knows when: the highest stays.
 */
WIRE_INLINE void http2_frame_size(struct http2 *h)
{
	__u32 units = h->value > 0xffffff ? HTTP2_FRAME_ANY : (h->value + 1023) >> 10;

	if (h->setting == HTTP2_SETTING_FRAME_SIZE && units > h->frame_units)
		h->frame_units = units;
}

/* Is a frame of so many bytes longer than a peer with these units has ever said that it takes? */
WIRE_INLINE bool http2_longer_than(__u32 length, __u32 frame_units)
{
	return length > HTTP2_FRAME_MOST && length > frame_units << 10;
}

/* A small payload, or the next part of one, is complete. */
WIRE_INLINE enum http2_event http2_small_payload(struct http2 *h, const __u8 *p)
{
	if (h->type == HTTP2_FRAME_SETTINGS) {
		h->setting = (__u16)(p[0] << 8 | p[1]);
		h->value = http2_be32(p + 2);
		http2_frame_size(h);
		h->left -= 6;
		if (!h->left)
			http2_frame_ends(h);
		return HTTP2_SETTING;
	}
	h->value = http2_be32(p) & (h->type == HTTP2_FRAME_GOAWAY ? 0x7fffffffu : ~0u);
	h->left -= h->type == HTTP2_FRAME_GOAWAY ? 8 : 4;
	http2_skip_rest(h);
	return h->type == HTTP2_FRAME_GOAWAY ? HTTP2_GOAWAY : HTTP2_RESET;
}

/* The first eight bytes of the preface, little-endian: enough to tell it from any HTTP/1.1 request. */
#define HTTP2_PREFACE_WORD 0x5448202a20495250ULL /* PRI * HT */

WIRE_INLINE bool http2_is_preface(const __u8 *p)
{
	return wire_load64(p) == HTTP2_PREFACE_WORD && wire_load64(p + 8) == 0x0a0d302e322f5054ULL && /* TP/2.0\r\n */
	       wire_load64(p + 16) == 0x0a0d0a0d4d530a0dULL; /* \r\nSM\r\n\r\n */
}

/* The bytes that http2_small_wanted() asked for lie at p, where 24 can be read. */
WIRE_INLINE enum http2_event http2_small(struct http2 *h, const __u8 *p)
{
	h->have = 0;
	switch (h->state) {
	case HTTP2_PREFACE:
		h->state = HTTP2_BETWEEN;
		return http2_is_preface(p) ? HTTP2_MORE : HTTP2_BAD;
	case HTTP2_PREFIX:
		h->left -= http2_prefix_bytes(h);
		h->pad = h->flags & HTTP2_PADDED ? p[0] : 0;
		return http2_payload(h);
	case HTTP2_SMALL:
		return http2_small_payload(h, p);
	}
	return http2_frame(h, p);
}

/*
 * Could a frame begin here, in the middle of a connection's life? 9 bytes at p. Says little by itself: what follows has
 * to hold as well.
 */
WIRE_INLINE bool http2_may_be_frame(const __u8 *p)
{
	__u32 length = (__u32)p[1] << 8 | p[2], stream = http2_be32(p + 5);

	if (p[0] || length > HTTP2_FRAME_MOST || stream >> 31)
		return false;
	switch (p[3]) {
	case HTTP2_FRAME_DATA:
		return stream && !(p[4] & ~(HTTP2_END_STREAM | HTTP2_PADDED));
	case HTTP2_FRAME_HEADERS:
		return (stream & 1) && length &&
		       !(p[4] & ~(HTTP2_END_STREAM | HTTP2_END_HEADERS | HTTP2_PADDED | HTTP2_PRIORITY));
	case HTTP2_FRAME_RST_STREAM:
		return stream && length == 4;
	case HTTP2_FRAME_SETTINGS:
		return !stream && length % 6 == 0 && !(p[4] & ~HTTP2_ACK);
	case HTTP2_FRAME_PING:
		return !stream && length == 8 && !(p[4] & ~HTTP2_ACK);
	case HTTP2_FRAME_WINDOW_UPDATE:
		return length == 4 && !p[4];
	}
	return false;
}

/* Does a server's connection preface begin here: a SETTINGS frame that is no acknowledgement? 9 bytes at p. */
WIRE_INLINE bool http2_is_settings(const __u8 *p)
{
	__u32 bytes = (__u32)p[1] << 8 | p[2];

	return p[0] == 0 && p[3] == HTTP2_FRAME_SETTINGS && p[4] == 0 && http2_be32(p + 5) == 0 && bytes % 6 == 0 &&
	       bytes <= 240;
}

#endif
