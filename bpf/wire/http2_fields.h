/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The context headers of an HTTP/2 request, out of its header block, without an HPACK decoder: the block is walked
 * field by field, and literals whose name could be a context header's are written as lines of an HTTP/1.1 head. What
 * reads context from those then reads it from HTTP/2 as well.
 *
 * Names come raw, in Huffman code, or as an index into the dynamic table, of which only names of context headers are
 * kept (struct http2_names). A context value that cannot be read here (indexed as a whole, or in Huffman code with
 * rare symbols) is written as one that is invalid and unlike any other, and HTTP2_WALK_UNREAD says so.
 *
 * The block is what goes up in an event. Values of baggage, in whatever form, are written over in it on the way.
 */
#ifndef WEFT_WIRE_HTTP2_FIELDS_H
#define WEFT_WIRE_HTTP2_FIELDS_H

#include "wire/carriers.h"
#include "wire/http2_walk.h"

/* The integer at hand, whose first byte is `first`; all ones: there is none. */
WIRE_INLINE __u32 http2_integer(struct http2_run *r, __u32 first, __u32 mask)
{
	__u64 found = http2_integer_at(r->block, first, mask, r->walk->at, r->walk->end);

	if (found != ~0ULL)
		r->walk->at = found >> 32;
	return (__u32)found;
}

WIRE_INLINE void http2_names_push(struct http2_names *n, __u32 code)
{
	n->codes[3] = n->codes[3] << 4 | n->codes[2] >> 60;
	n->codes[2] = n->codes[2] << 4 | n->codes[1] >> 60;
	n->codes[1] = n->codes[1] << 4 | n->codes[0] >> 60;
	n->codes[0] = n->codes[0] << 4 | code;
	if (n->known < HTTP2_NAMES)
		n->known++;
}

/* Bytes were missed. */
WIRE_INLINE void http2_names_forget(struct http2_names *n)
{
	n->known = 0;
	n->complete = 0;
}

/* Name of the dynamic entry `index`, 62 or more: enum carrier or HTTP2_NAME_UNKNOWN. */
WIRE_INLINE __u32 http2_name_of(const struct http2_names *n, __u32 index)
{
	__u32 at = index - 62, word = at >> 4;
	__u64 code;

	if (at >= n->known)
		return at >= HTTP2_NAMES || !n->complete ? HTTP2_NAME_UNKNOWN : (__u32)CARRIER_NONE;
	code = word == 0 ? n->codes[0] : word == 1 ? n->codes[1] : word == 2 ? n->codes[2] : n->codes[3];
	return code >> (4 * (at & 15)) & 15;
}

WIRE_INLINE void http2_put(struct http2_run *r, __u64 word, __u32 bytes)
{
	wire_store64(r->lines->bytes + head_text_index(r->walk->to), word);
	r->walk->to += bytes;
}

/* The request line, before the first header line: the fields that it is made of come first in a block. */
WIRE_INLINE void http2_request_line(struct http2_run *r)
{
	__u32 end;

	if (r->walk->to || (r->walk->flags & HTTP2_WALK_RESPONSE))
		return;
	if (r->walk->method == HTTP2_METHOD_POST)
		http2_put(r, 0x2054534f50ULL, 5); /* POST */
	else
		http2_put(r, 0x20544547ULL, 4); /* GET */
	end = r->walk->path ? http2_copy_text(r->block, r->lines, r->walk->path, r->walk->to) : 0;
	if (end) {
		r->walk->to = end;
		r->walk->flags |= HTTP2_WALK_PATH;
	} else {
		http2_put(r, '/', 1);
	}
	http2_put(r, 0x2e312f5054544820ULL, 8); /*  HTTP/1. */
	http2_put(r, 0x0a0d31ULL, 3);		/* 1\r\n */
}

/*
 * Could a literal name be that of a context header? By its first letter, in either form: t, b, u, x; also as a capital,
 * which is malformed (RFC 9113, section 8.2.1) and what a lax peer may still read. Returns
 * CARRIER_NONE, CARRIER_UBER_BAGGAGE (it begins with "uberctx-"; may be long, or have symbols that cannot be read here)
 * or HTTP2_NAME_TO_READ.
 */
WIRE_GLOBAL __u32 http2_name_begins(const struct head_text *block, __u64 name)
{
	__u32 bytes = http2_range_bytes(name), first;
	bool may;
	__u64 word;

	if (!block || !bytes)
		return CARRIER_NONE;
	word = wire_load64(block->bytes + head_text_index(http2_range_at(name)));
	first = word & 0xff;
	if (http2_range_coded(name)) {
		if (bytes >= 6 && __builtin_bswap64(word) >> 18 == 0x2d8cb6113e56ULL)
			return CARRIER_UBER_BAGGAGE;
		may = first >> 3 == 0x09 || first >> 2 == 0x23 || first >> 2 == 0x2d || first >> 1 == 0x79 ||
		      first >> 1 == 0x6f || first >> 1 == 0x5d || first >> 1 == 0x70 || first == 0xfc;
	} else {
		if (bytes >= 8 && (word | 0x2020202020202020ULL) == 0x2d78746372656275ULL)
			return CARRIER_UBER_BAGGAGE;
		first |= 0x20;
		may = first == 't' || first == 'b' || first == 'u' || first == 'x';
	}
	return may && bytes <= HTTP2_NAME_MOST ? HTTP2_NAME_TO_READ : (__u32)CARRIER_NONE;
}

/* Whose is the line that begins at `at` and whose name ends at `end`? Returns enum carrier. */
WIRE_GLOBAL __u32 http2_name_code(struct head_text *lines, __u32 at, __u32 end)
{
	__u32 found;

	if (!lines)
		return CARRIER_NONE;
	lines->bytes[head_text_index(end)] = ':';
	found = carrier_named(lines->bytes + head_text_index(at));
	if ((found & 0xff) != CARRIER_UBER_BAGGAGE && found >> 8 != end - at + 1)
		return CARRIER_NONE;
	return found & 0xff;
}

struct http2_text {
	__u64 first, second, third;
	__u32 bytes, reserved;
};

/* In the order of enum carrier. */
static const struct http2_text http2_name_texts[CARRIER_KINDS] = {
    {0, 0, 0, 0, 0},						    /* none */
    {0x7261706563617274ULL, 0x746e65ULL, 0, 11, 0},		    /* traceparent */
    {0x6174736563617274ULL, 0x6574ULL, 0, 10, 0},		    /* tracestate */
    {0x65676167676162ULL, 0, 0, 7, 0},				    /* baggage */
    {0x3362ULL, 0, 0, 2, 0},					    /* b3 */
    {0x6172742d33622d78ULL, 0x64696563ULL, 0, 12, 0},		    /* x-b3-traceid */
    {0x6170732d33622d78ULL, 0x64696eULL, 0, 11, 0},		    /* x-b3-spanid */
    {0x7261702d33622d78ULL, 0x696e617073746e65ULL, 0x64ULL, 17, 0}, /* x-b3-parentspanid */
    {0x6d61732d33622d78ULL, 0x64656c70ULL, 0, 12, 0},		    /* x-b3-sampled */
    {0x616c662d33622d78ULL, 0x7367ULL, 0, 10, 0},		    /* x-b3-flags */
    {0x6172742d72656275ULL, 0x64692d6563ULL, 0, 13, 0},		    /* uber-trace-id */
    {0, 0, 0, 0, 0},						    /* uberctx-KEY */
    {0x2d65636172742d78ULL, 0x6469ULL, 0, 10, 0},		    /* x-trace-id */
    {0x746e657261702d78ULL, 0x64692dULL, 0, 11, 0},		    /* x-parent-id */
};
WIRE_ASSERT(CARRIER_UBER_BAGGAGE == 11 && CARRIER_X_PARENT == 13, "order of the names");
WIRE_ASSERT(HTTP2_NAME_TO_READ > CARRIER_X_PARENT && HTTP2_NAME_UNKNOWN >= CARRIER_COUNT, "no header's name");

/* False: the code does not say the whole name. */
WIRE_INLINE bool http2_put_name(struct http2_run *r, __u32 code)
{
	const struct http2_text *text;
	__u32 at = r->walk->to;

	WIRE_OPAQUE(code);
	text = &http2_name_texts[code & (CARRIER_KINDS - 1)];
	wire_store64(r->lines->bytes + head_text_index(at), text->first);
	wire_store64(r->lines->bytes + head_text_index(at + 8), text->second);
	wire_store64(r->lines->bytes + head_text_index(at + 16), text->third);
	r->walk->to += text->bytes;
	return text->bytes != 0;
}

/* Lines for traceparents that cannot be read: "?" and sixteen digits that occur once. Two say as much as many. */
WIRE_INLINE void http2_put_unread(struct http2_run *r)
{
	for (__u32 i = 0; i < 2; i++) {
		if (i >= r->walk->unread || r->walk->to > HTTP2_LINES_MOST)
			return;
		http2_put_name(r, CARRIER_TRACEPARENT);
		http2_put(r, 0x3f203aULL, 3); /* : ? */
		http2_put(r, word_hex((__u32)r->walk->mark), 8);
		http2_put(r, word_hex((__u32)(r->walk->mark >> 32)), 8);
		http2_put(r, 0x0a0dULL, 2);
		r->walk->mark++;
	}
}

/* A string's place: a range that is never 0, and r->walk->at goes behind it. 0: there is none. */
WIRE_INLINE __u64 http2_string(struct http2_run *r)
{
	__u64 place = http2_string_at(r->block, r->walk->at, r->walk->end);

	if (place)
		r->walk->at = http2_range_at(place) + http2_range_bytes(place);
	return place;
}

/* Has a value, whatever its name, the form of a traceparent? */
WIRE_INLINE bool http2_is_shaped(struct http2_run *r, __u64 value)
{
	__u64 word = wire_load64(r->block->bytes + head_text_index(http2_range_at(value)));
	__u32 bytes = http2_range_bytes(value);

	if (http2_range_coded(value))
		return bytes >= 35 && bytes <= 42 && (word & 0xffff) == 0x1600; /* 00- */
	return bytes == 55 && (word & 0xffffff) == 0x2d3030;
}

/* A field that cannot be read. Returns its name, which is none if it has symbols that are in no context header's. */
WIRE_INLINE __u32 http2_not_in_lines(struct http2_walk *w, __u32 code)
{
	switch (code) {
	case CARRIER_NONE:
	case HTTP2_NAME_TO_READ:
		return CARRIER_NONE;
	case CARRIER_TRACEPARENT:
		w->flags |= HTTP2_WALK_UNREAD | HTTP2_WALK_CONTEXT;
		w->contexts++;
		w->unread++;
		break;
	case CARRIER_TRACESTATE:
		w->flags |= HTTP2_WALK_STATE_UNREAD;
		break;
	case CARRIER_BAGGAGE:
	case CARRIER_UBER_BAGGAGE:
		w->flags |= HTTP2_WALK_BAGGAGE | HTTP2_WALK_UNJUDGED;
		break;
	case HTTP2_NAME_UNKNOWN:
		w->flags |= HTTP2_WALK_DEEP;
		break;
	default:
		w->flags |= HTTP2_WALK_OTHER_UNREAD;
	}
	return code;
}

WIRE_INLINE void http2_pseudo(struct http2_walk *w, __u32 index)
{
	if (index == 2 || index == 3)
		w->flags |= HTTP2_WALK_METHOD;
	else if (index >= 8 && index <= 14)
		w->flags |= HTTP2_WALK_STATUS;
}

/*
 * The line of a field whose name is `code` or, if not 0, the text at `name`, and whose value may be written over if
 * `over`. Returns enum carrier.
 */
WIRE_INLINE __u32 http2_line(struct http2_run *r, __u32 code, __u64 name, __u64 value, bool over)
{
	__u32 begin, end;

	http2_request_line(r);
	begin = r->walk->to;
	if (begin >= HTTP2_LINES_MOST - HTTP2_NAME_MOST) {
		r->walk->flags |= HTTP2_WALK_MAYBE | HTTP2_WALK_UNJUDGED;
		return code == HTTP2_NAME_TO_READ ? HTTP2_NAME_UNKNOWN : code;
	}
	if (name) {
		end = http2_copy_text(r->block, r->lines, name, begin);
		if (end) {
			r->walk->to = end;
			code = http2_name_code(r->lines, begin, end);
		}
	} else {
		end = http2_put_name(r, code);
	}
	if (!end)
		return http2_not_in_lines(r->walk, code);
	http2_put(r, 0x203aULL, 2);
	end = http2_copy_text(r->block, r->lines, value, r->walk->to);
	if (!end) {
		r->walk->to = begin;
		return http2_not_in_lines(r->walk, code);
	}
	r->walk->to = end;
	http2_put(r, 0x0a0dULL, 2);
	if (code == CARRIER_TRACEPARENT) {
		r->walk->flags |= HTTP2_WALK_CONTEXT;
		r->walk->contexts++;
		r->walk->raw_at = over ? http2_range_at(value) : ~0u;
	}
	return code;
}

/* A literal (RFC 7541, section 6.2), behind its index. `first` is its first byte. False: no legal block. */
WIRE_INLINE bool http2_literal(struct http2_run *r, __u32 first, __u32 index, __u32 code)
{
	bool inserts = first & 0x40;
	__u64 name = 0, value;

	if (!index) {
		name = http2_string(r);
		if (!name)
			return false;
		code = http2_name_begins(r->block, name);
	}
	value = http2_string(r);
	if (!value)
		return false;
	r->walk->list_bytes += 32 + (name ? http2_range_text(name) : 32) + http2_range_text(value);
	if (index == 4 || index == 5)
		r->walk->path = http2_range_bytes(value) <= HTTP2_PATH_MOST ? value : 0;
	if (code == HTTP2_NAME_UNKNOWN && http2_is_shaped(r, value))
		r->walk->flags |= HTTP2_WALK_MAYBE;
	if (code != CARRIER_NONE && code != HTTP2_NAME_UNKNOWN)
		code = http2_line(r, code, name, value, !inserts && !http2_range_coded(value));
	if (code == CARRIER_BAGGAGE || code == CARRIER_UBER_BAGGAGE)
		r->walk->flags |= HTTP2_WALK_BAGGAGE;
	/* A name that is not known may be that of baggage. */
	if (code == CARRIER_BAGGAGE || code == CARRIER_UBER_BAGGAGE || code == HTTP2_NAME_UNKNOWN)
		http2_mask(r->block, value);
	if (inserts)
		http2_names_push(&r->walk->names, code);
	return true;
}

/* One field. */
WIRE_STEP http2_walk_step(__u32 i, void *arg)
{
	struct http2_run *r = (struct http2_run *)arg;
	__u32 first, index, code = CARRIER_NONE;
	bool indexed, size;

	(void)i;
	r->walk->clear = r->walk->at;
	if (r->walk->at >= r->walk->end)
		return 1;
	first = head_text_at(r->block, r->walk->at);
	r->walk->at++;
	indexed = first & 0x80;
	size = (first & 0xe0) == 0x20; /* of the dynamic table */
	index = http2_integer(r, first, indexed ? 127 : first & 0x40 ? 63 : size ? 31 : 15);
	if (index == ~0u || (indexed && !index)) {
		r->walk->flags |= HTTP2_WALK_BAD;
		return 1;
	}
	if (size)
		return 0;
	http2_pseudo(r->walk, index);
	if (index > 61)
		code = http2_name_of(&r->walk->names, index);
	if (!indexed) {
		if (http2_literal(r, first, index, code))
			return 0;
		r->walk->flags |= HTTP2_WALK_BAD;
		return 1;
	}
	r->walk->list_bytes += index > 61 ? 160 : 64;
	if (index == 2)
		r->walk->method = HTTP2_METHOD_GET;
	else if (index == 3)
		r->walk->method = HTTP2_METHOD_POST;
	else if (index == 4)
		r->walk->flags |= HTTP2_WALK_PATH; /* "/" */
	http2_not_in_lines(r->walk, code);
	return 0;
}

/*
 * Walks the block of `bytes` bytes and writes the lines. REQUIRES: w->names and w->mark are set, w->flags are 0 or
 * HTTP2_WALK_RESPONSE. The lines end with the empty one; a request has its request line before them.
 */
WIRE_INLINE int http2_walk(struct http2_walk *w, struct head_text *block, struct head_text *lines, __u32 bytes)
{
	struct http2_run r = {.walk = w, .block = block, .lines = lines};

	if (!w || !block || !lines)
		return 0;
	w->at = w->clear = w->to = w->list_bytes = w->method = w->contexts = w->unread = 0;
	w->path = 0;
	w->raw_at = ~0u;
	w->end = bytes < HTTP2_BLOCK_KEPT ? bytes : HTTP2_BLOCK_KEPT;
	wire_loop(HTTP2_BLOCK_KEPT + 1, http2_walk_step, &r);
	if (bytes > HTTP2_BLOCK_KEPT || (w->flags & HTTP2_WALK_BAD))
		http2_names_forget(&w->names);
	http2_request_line(&r);
	http2_put_unread(&r);
	http2_put(&r, 0x0a0dULL, 2);
	return 0;
}

#endif
