/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The walk over a header block: what it is given and what it says. Used through wire/http2_fields.h. */
#ifndef WEFT_WIRE_HTTP2_WALK_H
#define WEFT_WIRE_HTTP2_WALK_H

#include "wire/http2_text.h"

#define HTTP2_WALK_BAD (1u << 0)     /* no legal block: nothing of it counts */
#define HTTP2_WALK_UNREAD (1u << 1)  /* there is a traceparent whose value is not known here */
#define HTTP2_WALK_MAYBE (1u << 2)   /* a field of unknown name looks like a traceparent */
#define HTTP2_WALK_DEEP (1u << 3)    /* a field is indexed of which nothing is known */
#define HTTP2_WALK_CONTEXT (1u << 4) /* there is a traceparent of any kind */
#define HTTP2_WALK_RESPONSE (1u << 5)
#define HTTP2_WALK_METHOD (1u << 6)	   /* there is a :method, as in every request … */
#define HTTP2_WALK_STATUS (1u << 7)	   /* … or a :status, as in every response */
#define HTTP2_WALK_PATH (1u << 8)	   /* the request line has the path that was sent */
#define HTTP2_WALK_BAGGAGE (1u << 9)	   /* there is baggage … */
#define HTTP2_WALK_UNJUDGED (1u << 10)	   /* … or may be, that is not in the lines */
#define HTTP2_WALK_STATE_UNREAD (1u << 11) /* there is a tracestate that is not in the lines */
#define HTTP2_WALK_OTHER_UNREAD (1u << 12) /* there is a context of another format that is not in the lines */

#define HTTP2_NAME_MOST 32u
#define HTTP2_PATH_MOST 1024u

enum http2_method { HTTP2_METHOD_UNKNOWN = 0, HTTP2_METHOD_GET, HTTP2_METHOD_POST };

struct http2_walk {
	__u32 at, end;	  /* in the block */
	__u32 clear;	  /* end of the last whole field: what follows is not to go up */
	__u32 to;	  /* end of the lines */
	__u32 flags;	  /* HTTP2_WALK_* */
	__u32 list_bytes; /* decoded size, about: RFC 9113, section 10.5.1 */
	__u32 raw_at;	  /* where the value of a traceparent lies that may be written over; ~0 = there is none */
	__u32 method;	  /* enum http2_method */
	__u32 contexts;	  /* traceparents */
	__u32 unread;	  /* … of them such whose value is not known here */
	__u64 path;	  /* range of the path in the block; 0: not known, or "/" */
	__u64 mark;	  /* a random number for values that cannot be read */
	struct http2_names names;
};

struct http2_run {
	struct http2_walk *walk;
	struct head_text *block;
	struct head_text *lines;
};

#endif
