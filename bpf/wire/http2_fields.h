/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The context headers of an HTTP/2 request, out of its header block, without an HPACK decoder: the block is walked
 * field by field, and literals whose name could be a context header's are written as lines of an HTTP/1.1 head. What
 * reads context from those then reads it from HTTP/2 as well.
 *
 * Names come raw, in Huffman code, or as an index into the dynamic table, of which only the names of the W3C headers
 * are kept (struct http2_names). A context value that cannot be read here (indexed as a whole, or in Huffman code with
 * rare symbols) is written as one that is invalid and unlike any other, and HTTP2_WALK_UNREAD says so.
 */
#ifndef WEFT_WIRE_HTTP2_FIELDS_H
#define WEFT_WIRE_HTTP2_FIELDS_H

#include "wire/http2_text.h"

#define HTTP2_WALK_BAD (1u << 0)     /* no legal block: nothing of it counts */
#define HTTP2_WALK_UNREAD (1u << 1)  /* there is a traceparent whose value is not known here */
#define HTTP2_WALK_MAYBE (1u << 2)   /* a field of unknown name looks like a traceparent */
#define HTTP2_WALK_DEEP (1u << 3)    /* a field is indexed of which nothing is known */
#define HTTP2_WALK_CONTEXT (1u << 4) /* there is a traceparent of any kind */
#define HTTP2_WALK_RESPONSE (1u << 5)
#define HTTP2_WALK_METHOD (1u << 6) /* there is a :method, as in every request … */
#define HTTP2_WALK_STATUS (1u << 7) /* … or a :status, as in every response */

#define HTTP2_NAME_MOST 32u
#define HTTP2_PATH_MOST 1024u

enum http2_method { HTTP2_METHOD_UNKNOWN = 0, HTTP2_METHOD_GET, HTTP2_METHOD_POST };

struct http2_walk {
	__u32 at, end;	  /* in the block */
	__u32 to;	  /* end of the lines */
	__u32 flags;	  /* HTTP2_WALK_* */
	__u32 list_bytes; /* decoded size, about: RFC 9113, section 10.5.1 */
	__u32 raw_at;	  /* where the value of a traceparent lies that may be written over; ~0 = there is none */
	__u32 method;	  /* enum http2_method */
	__u32 contexts;	  /* traceparents */
	__u64 mark;	  /* a random number for values that cannot be read */
	struct http2_names names;
};

struct http2_run {
	struct http2_walk *walk;
	const struct head_text *block;
	struct head_text *lines;
};

/* … and goes behind it. */
WIRE_INLINE __u32 http2_integer(struct http2_run *r, __u32 first, __u32 mask)
{
	__u64 found = http2_integer_at(r->block, first, mask, r->walk->at, r->walk->end);

	if (found != ~0ULL)
		r->walk->at = found >> 32;
	return (__u32)found;
}

WIRE_INLINE void http2_names_push(struct http2_names *n, __u32 code)
{
	n->codes[3] = n->codes[3] << 2 | n->codes[2] >> 62;
	n->codes[2] = n->codes[2] << 2 | n->codes[1] >> 62;
	n->codes[1] = n->codes[1] << 2 | n->codes[0] >> 62;
	n->codes[0] = n->codes[0] << 2 | code;
	if (n->known < HTTP2_NAMES)
		n->known++;
}

/* Bytes were missed. */
WIRE_INLINE void http2_names_forget(struct http2_names *n)
{
	n->known = 0;
	n->complete = 0;
}

/* Name of the dynamic entry `index`, 62 or more. */
WIRE_INLINE __u32 http2_name_of(struct http2_walk *w, __u32 index)
{
	__u32 at = index - 62, word;
	__u64 code;

	if (at >= w->names.known) {
		if (at >= HTTP2_NAMES || !w->names.complete)
			w->flags |= HTTP2_WALK_DEEP;
		return HTTP2_NAME_OTHER;
	}
	word = at >> 5;
	code = word == 0   ? w->names.codes[0]
	       : word == 1 ? w->names.codes[1]
	       : word == 2 ? w->names.codes[2]
			   : w->names.codes[3];
	return code >> (2 * (at & 31)) & 3;
}

WIRE_INLINE __u64 http2_range(__u32 at, __u32 bytes, bool coded)
{
	return (__u64)coded << 32 | bytes << 16 | at;
}

WIRE_INLINE void http2_put(struct http2_run *r, __u64 word, __u32 bytes)
{
	wire_store64(r->lines->bytes + head_text_index(r->walk->to), word);
	r->walk->to += bytes;
}

/* The request line, before the first header line. */
WIRE_INLINE void http2_request_line(struct http2_run *r, __u64 path)
{
	__u32 end;

	if (r->walk->to || (r->walk->flags & HTTP2_WALK_RESPONSE))
		return;
	if (r->walk->method == HTTP2_METHOD_POST)
		http2_put(r, 0x2054534f50ULL, 5); /* POST */
	else
		http2_put(r, 0x20544547ULL, 4); /* GET */
	end = path ? http2_copy_text(r->block, r->lines, path, r->walk->to) : 0;
	if (end)
		r->walk->to = end;
	else
		http2_put(r, '/', 1);
	http2_put(r, 0x2e312f5054544820ULL, 8); /*  HTTP/1. */
	http2_put(r, 0x0a0d31ULL, 3);		/* 1\r\n */
}

/* Could this be the name of a context header? By its first letter, in either form: t, b, u, x. */
WIRE_INLINE bool http2_may_matter(struct http2_run *r, __u32 at, __u32 bytes, bool coded)
{
	__u32 first = head_text_at(r->block, at);

	if (!bytes || bytes > HTTP2_NAME_MOST)
		return false;
	if (!coded)
		return first == 't' || first == 'b' || first == 'u' || first == 'x';
	return first >> 3 == 0x09 || first >> 2 == 0x23 || first >> 2 == 0x2d || first >> 1 == 0x79;
}

/* Which of the names that are kept is the line that begins at `at` and whose name ends at `end`? */
WIRE_INLINE __u32 http2_name_code(struct http2_run *r, __u32 at, __u32 end)
{
	const __u8 *p = r->lines->bytes + head_text_index(at);
	__u64 first = wire_load64(p), rest = wire_load64(p + 8);

	if (end - at == 11 && first == 0x7261706563617274ULL && (rest & 0xffffff) == 0x746e65)
		return HTTP2_NAME_TRACEPARENT;
	if (end - at == 10 && first == 0x6174736563617274ULL && (rest & 0xffff) == 0x6574)
		return HTTP2_NAME_TRACESTATE;
	if (end - at == 7 && (first & 0xffffffffffffffULL) == 0x65676167676162ULL)
		return HTTP2_NAME_BAGGAGE;
	return HTTP2_NAME_OTHER;
}

WIRE_INLINE void http2_put_name(struct http2_run *r, __u32 code)
{
	if (code == HTTP2_NAME_TRACEPARENT) {
		http2_put(r, 0x7261706563617274ULL, 8);
		http2_put(r, 0x746e65ULL, 3);
	} else if (code == HTTP2_NAME_TRACESTATE) {
		http2_put(r, 0x6174736563617274ULL, 8);
		http2_put(r, 0x6574ULL, 2);
	} else {
		http2_put(r, 0x65676167676162ULL, 7);
	}
}

/* A traceparent that cannot be read: "?" and sixteen digits that occur once. */
WIRE_INLINE void http2_unread(struct http2_run *r)
{
	r->walk->flags |= HTTP2_WALK_UNREAD | HTTP2_WALK_CONTEXT;
	r->walk->contexts++;
	http2_request_line(r, 0);
	if (r->walk->to > HTTP2_LINES_MOST)
		return;
	http2_put_name(r, HTTP2_NAME_TRACEPARENT);
	http2_put(r, 0x3f203aULL, 3); /* : ? */
	http2_put(r, word_hex((__u32)r->walk->mark), 8);
	http2_put(r, word_hex((__u32)(r->walk->mark >> 32)), 8);
	http2_put(r, 0x0a0dULL, 2);
	r->walk->mark++;
}

/* A string's place: r->walk->at goes behind it. False: there is none. */
WIRE_INLINE bool http2_string(struct http2_run *r, __u32 *at, __u32 *bytes, bool *coded)
{
	__u32 first;

	if (r->walk->at >= r->walk->end)
		return false;
	first = head_text_at(r->block, r->walk->at);
	r->walk->at++;
	*coded = first >> 7;
	*bytes = http2_integer(r, first, 127);
	*at = r->walk->at;
	if (*bytes > r->walk->end - r->walk->at) /* all ones included */
		return false;
	r->walk->at += *bytes;
	return true;
}

/* Has a value, whatever its name, the form of a traceparent? */
WIRE_INLINE bool http2_is_shaped(struct http2_run *r, __u32 at, __u32 bytes, bool coded)
{
	__u64 word = wire_load64(r->block->bytes + head_text_index(at));

	if (coded)
		return bytes >= 35 && bytes <= 42 && (word & 0xffff) == 0x1600; /* 00- */
	return bytes == 55 && (word & 0xffffff) == 0x2d3030;
}

/* A literal: its name is in the lines at [name_at, r->walk->to) or nowhere (name_at == ~0), its value at `value`. */
WIRE_INLINE void http2_line(struct http2_run *r, __u32 name_at, __u32 code, __u64 value, bool over)
{
	__u32 value_at, end;

	http2_put(r, 0x203aULL, 2);
	value_at = r->walk->to;
	end = http2_copy_text(r->block, r->lines, value, value_at);
	if (!end) {
		r->walk->to = name_at;
		if (code == HTTP2_NAME_TRACEPARENT)
			http2_unread(r);
		return;
	}
	r->walk->to = end;
	http2_put(r, 0x0a0dULL, 2);
	if (code != HTTP2_NAME_TRACEPARENT)
		return;
	r->walk->flags |= HTTP2_WALK_CONTEXT;
	r->walk->contexts++;
	r->walk->raw_at = over ? value & 0xffff : ~0u;
}

WIRE_INLINE void http2_pseudo(struct http2_walk *w, __u32 index)
{
	if (index == 2 || index == 3)
		w->flags |= HTTP2_WALK_METHOD;
	else if (index >= 8 && index <= 14)
		w->flags |= HTTP2_WALK_STATUS;
}

/* A literal (RFC 7541, section 6.2). `first` is its first byte. False: no legal block. */
WIRE_INLINE bool http2_literal(struct http2_run *r, __u32 first)
{
	bool inserts = first & 0x40, coded_name = false, coded = false, matters = false, unknown = false;
	__u32 index = http2_integer(r, first, inserts ? 63 : 15);
	__u32 name_at = 0, name_bytes = 0, at = 0, bytes = 0, code = HTTP2_NAME_OTHER, begin, end;

	if (index == ~0u)
		return false;
	if (!index) {
		if (!http2_string(r, &name_at, &name_bytes, &coded_name))
			return false;
		matters = http2_may_matter(r, name_at, name_bytes, coded_name);
	} else if (index > 61) {
		__u32 deep = r->walk->flags & HTTP2_WALK_DEEP;

		r->walk->flags &= ~HTTP2_WALK_DEEP;
		code = http2_name_of(r->walk, index);
		unknown = r->walk->flags & HTTP2_WALK_DEEP;
		r->walk->flags = (r->walk->flags & ~HTTP2_WALK_DEEP) | deep;
		matters = code != HTTP2_NAME_OTHER;
	}
	http2_pseudo(r->walk, index);
	if (!http2_string(r, &at, &bytes, &coded))
		return false;
	r->walk->list_bytes +=
	    32 + (coded_name ? name_bytes * 8 / 5 : name_bytes) + (coded ? bytes * 8 / 5 : bytes) + (index ? 32 : 0);
	if (unknown && http2_is_shaped(r, at, bytes, coded))
		r->walk->flags |= HTTP2_WALK_MAYBE;
	if ((index == 4 || index == 5) && bytes <= HTTP2_PATH_MOST)
		http2_request_line(r, http2_range(at, bytes, coded));
	if (matters && r->walk->to < HTTP2_LINES_MOST) {
		http2_request_line(r, 0);
		begin = r->walk->to;
		if (index) {
			http2_put_name(r, code);
		} else {
			end = http2_copy_text(r->block, r->lines, http2_range(name_at, name_bytes, coded_name), begin);
			r->walk->to = end ? end : begin;
			code = end ? http2_name_code(r, begin, end) : (__u32)HTTP2_NAME_OTHER;
		}
		if (r->walk->to != begin)
			http2_line(r, begin, code, http2_range(at, bytes, coded), !inserts && !coded);
	}
	if (inserts)
		http2_names_push(&r->walk->names, code);
	return true;
}

/* One field. */
WIRE_STEP http2_walk_step(__u32 i, void *arg)
{
	struct http2_run *r = (struct http2_run *)arg;
	__u32 first, index;

	(void)i;
	if (r->walk->at >= r->walk->end)
		return 1;
	first = head_text_at(r->block, r->walk->at);
	r->walk->at++;
	if (first & 0x80) {
		index = http2_integer(r, first, 127);
		if (index == 0 || index == ~0u) {
			r->walk->flags |= HTTP2_WALK_BAD;
			return 1;
		}
		r->walk->list_bytes += index > 61 ? 160 : 64;
		http2_pseudo(r->walk, index);
		if (index == 2)
			r->walk->method = HTTP2_METHOD_GET;
		else if (index == 3)
			r->walk->method = HTTP2_METHOD_POST;
		else if (index > 61 && http2_name_of(r->walk, index) == HTTP2_NAME_TRACEPARENT)
			http2_unread(r);
		return 0;
	}
	if ((first & 0xe0) == 0x20) {
		if (http2_integer(r, first, 31) != ~0u)
			return 0;
		r->walk->flags |= HTTP2_WALK_BAD;
		return 1;
	}
	if (!http2_literal(r, first)) {
		r->walk->flags |= HTTP2_WALK_BAD;
		return 1;
	}
	return 0;
}

/*
 * Walks the block of `bytes` bytes and writes the lines. REQUIRES: w->names and w->mark are set, w->flags are 0 or
 * HTTP2_WALK_RESPONSE. The lines end with the empty one; a request has its request line before them.
 */
WIRE_INLINE int http2_walk(struct http2_walk *w, const struct head_text *block, struct head_text *lines, __u32 bytes)
{
	struct http2_run r = {.walk = w, .block = block, .lines = lines};

	if (!w || !block || !lines)
		return 0;
	w->at = w->to = w->list_bytes = w->method = w->contexts = 0;
	w->raw_at = ~0u;
	w->end = bytes < HTTP2_BLOCK_KEPT ? bytes : HTTP2_BLOCK_KEPT;
	wire_loop(HTTP2_BLOCK_KEPT + 1, http2_walk_step, &r);
	if (bytes > HTTP2_BLOCK_KEPT || (w->flags & HTTP2_WALK_BAD))
		http2_names_forget(&w->names);
	http2_request_line(&r, 0);
	http2_put(&r, 0x0a0dULL, 2);
	return 0;
}

#endif
