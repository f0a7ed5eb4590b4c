/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/2 framing: what is kept of one direction between two calls. Used through wire/http2.h. */
#ifndef WEFT_WIRE_HTTP2_STATE_H
#define WEFT_WIRE_HTTP2_STATE_H

#include "wire/head_text.h"

#define HTTP2_PREFACE_BYTES 24u
#define HTTP2_FRAME_HEADER_BYTES 9u
#define HTTP2_FRAME_MOST 16384u /* what every peer takes (RFC 9113, section 4.2) */
#define HTTP2_FRAME_ANY 0xffffu /* in units, and more than any frame has: where settings may have been missed */
/*
 * Where a peer's settings were not seen, its limit of a list of headers: the least that servers commonly name. That of
 * one that is yet to name its settings is told apart: the first that it sends, without a limit, say that there is none.
 */
#define HTTP2_LIST_ASSUMED 8192u
#define HTTP2_LIST_AT_FIRST (HTTP2_LIST_ASSUMED + 1)

enum http2_frame_type {
	HTTP2_FRAME_DATA = 0,
	HTTP2_FRAME_HEADERS = 1,
	HTTP2_FRAME_RST_STREAM = 3,
	HTTP2_FRAME_SETTINGS = 4,
	HTTP2_FRAME_PUSH_PROMISE = 5,
	HTTP2_FRAME_PING = 6,
	HTTP2_FRAME_GOAWAY = 7,
	HTTP2_FRAME_WINDOW_UPDATE = 8,
	HTTP2_FRAME_CONTINUATION = 9,
};

#define HTTP2_SETTING_FRAME_SIZE 5u

#define HTTP2_END_STREAM 0x01u
#define HTTP2_ACK 0x01u
#define HTTP2_END_HEADERS 0x04u
#define HTTP2_PADDED 0x08u
#define HTTP2_PRIORITY 0x20u

enum http2_event {
	HTTP2_MORE = 0,
	HTTP2_BLOCK,   /* a header block is complete; its text is in the caller's hands */
	HTTP2_PAYLOAD, /* the payload of a DATA frame begins */
	HTTP2_ENDED,   /* a DATA frame with END_STREAM is over */
	HTTP2_RESET,   /* RST_STREAM: `value` is the error code */
	HTTP2_GOAWAY,  /* `value` is the last stream that the sender will answer */
	HTTP2_SETTING, /* `setting` has `value` */
	HTTP2_BAD,
};

/* Apart from 0, no number of enum http1_state: the two share their place in a connection. */
enum http2_state {
	HTTP2_BETWEEN = 0, /* no frame and no header block is under way; also a fresh struct of zeros */
	HTTP2_FRAME = 64,  /* in a frame header, or before the one of a CONTINUATION */
	HTTP2_PREFACE,	   /* in the client's connection preface */
	HTTP2_PREFIX,	   /* in what stands before a payload: pad length, priority, promised stream */
	HTTP2_SMALL,	   /* in a payload that is looked at whole */
	HTTP2_FRAGMENT,	   /* in a piece of a header block */
	HTTP2_DATA,
	HTTP2_SKIP, /* in bytes that say nothing: padding, other frames */
};

/* Names of dynamic entries, four bits each: enum carrier, or that it is not known. */
#define HTTP2_NAMES 64u
#define HTTP2_NAME_TO_READ 14u /* in a walk only */
#define HTTP2_NAME_UNKNOWN 15u

struct http2_names {
	__u64 codes[4]; /* of the newest entries; the newest in the lowest bits */
	__u32 known;	/* so many entries are known, at most HTTP2_NAMES … */
	__u32 complete; /* … and what lies behind them are entries that never were */
};

#define HTTP2_SEEN_CONTEXT (1u << 0) /* a traceparent */
#define HTTP2_SEEN_OTHER (1u << 1)   /* a context of another format */
#define HTTP2_SEEN_BAGGAGE (1u << 2)
#define HTTP2_SEEN_TELEMETRY (1u << 3)

struct http2 {
	__u8 state;	  /* enum http2_state */
	__u8 have;	  /* bytes of `small` that are there */
	__u8 type, flags; /* of the frame at hand */
	__u32 stream;
	__u32 length; /* of its payload */
	__u32 left;   /* … and how many bytes of that are still to come, padding included */
	__u32 pad;
	__u32 value; /* see enum http2_event */
	__u16 setting;
	__u8 in_block;	   /* a header block is under way: CONTINUATION follows */
	__u8 block_flags;  /* of its HEADERS frame */
	__u32 block_bytes; /* bytes of the header block so far */
	__u32 sequence;	   /* header blocks reported */
	__u32
	    last_stream;  /* highest stream that a request has opened; answers: the last one not known that has ended */
	__u32 writer;	  /* requests: the one thread that has written all but the first; all ones: several have */
	__u32 written;	  /* … and for how many exchanges of its own, one after the other, and 1 */
	__u32 list_limit; /* SETTINGS_MAX_HEADER_LIST_SIZE of whoever sends in this direction, and 1; 0 = none */
	__u8 seen;	  /* HTTP2_SEEN_*: what requests have come with */
	__u8 push;	  /* the header block at hand is that of a PUSH_PROMISE */
	/*
	 * The largest SETTINGS_MAX_FRAME_SIZE that whoever sends in this direction has ever named, in units of 1,024
	 * bytes, rounded up; less than HTTP2_FRAME_MOST: none.
	 */
	__u16 frame_units;
	__u32 written_for; /* the last of these exchanges: the low half of its id */
	__u8 small[HTTP2_PREFACE_BYTES];
	struct http2_names names;
};
WIRE_ASSERT(sizeof(struct http2) <= 144, "takes no more room than HTTP/1.1");

/* A longer header block is framed, but the rest of its text is not kept. */
#define HTTP2_WINDOW 4096u
#define HTTP2_BLOCK_KEPT (HEAD_TEXT_CAP - HTTP2_WINDOW)

#endif
