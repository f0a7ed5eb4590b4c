/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Where probes are in gRPC's C-core, and what is noted there: for whom a call is made; and in grpc++, whose server says
 * which call a thread serves. See docs/decisions/grpc-core.md.
 */
#ifndef WEFT_WIRE_GRPC_CORE_H
#define WEFT_WIRE_GRPC_CORE_H

#include "wire/port.h"

enum grpc_core_site {
	GRPC_CORE_BATCH = 1, /* grpc_call_start_batch: (call, operations, how many, …), on the thread that asks */
	GRPC_CORE_HEADERS,   /* the call of HPackCompressor::Framer's constructor: (framer, options, compressor, …) */
	GRPC_CORE_UNREF,     /* grpc_call_unref: (call) */
	/* Of grpc++'s server: */
	GRPC_CORE_SERVES,  /* Server::SyncRequest::Run: (request, …), on the thread that is to run the handler */
	GRPC_CORE_RESUMES, /* … ContinueRunAfterInterception: (request), before the handler, perhaps on another one */
	GRPC_CORE_LEAVES,  /* the thread looks for work, or comes to the call of another server's way */
};

/* Registers that a function keeps for its caller, and in which the stream stands at GRPC_CORE_HEADERS. */
enum grpc_core_register {
	GRPC_CORE_RBX,
	GRPC_CORE_RBP,
	GRPC_CORE_R12,
	GRPC_CORE_R13,
	GRPC_CORE_R14,
	GRPC_CORE_R15,
};

/* What the agent has read in the code of GRPC_CORE_HEADERS's library. */
struct grpc_core_layout {
	__u16 call_context; /* of a FilterStackCall: its array of contexts */
	__u16 endpoint;	    /* of a grpc_chttp2_transport */
	__u8 stream;	    /* enum grpc_core_register */
};

/* The cookie of a probe. */
WIRE_INLINE __u64 grpc_core_cookie(__u32 site, const struct grpc_core_layout *layout)
{
	return (__u64)layout->call_context << 48 | (__u64)layout->endpoint << 32 | (__u64)layout->stream << 8 | site;
}

WIRE_INLINE struct grpc_core_layout grpc_core_layout_of(__u64 cookie)
{
	struct grpc_core_layout layout;

	layout.call_context = (__u16)(cookie >> 48);
	layout.endpoint = (__u16)(cookie >> 32);
	layout.stream = (__u8)(cookie >> 8);
	return layout;
}

/* What the agent has read in the code of C-core about a server's call. */
struct grpc_core_server_layout {
	__u16 call_context; /* as above */
	__u16 endpoint;
	__u16 elements; /* of a FilterStackCall: the elements of its stack … */
	__u16 count;	/* … and so far before them how many those are */
	__u16 number;	/* of a grpc_chttp2_stream */
};

#define GRPC_CORE_SERVER_WORD 8u /* all but the number are multiples of it, and that one of half of it */
#define GRPC_CORE_SERVER_PLACE_BITS 13
#define GRPC_CORE_SERVER_COUNT_BITS 4

/* Can it be put into a cookie? */
WIRE_INLINE bool grpc_core_server_layout_fits(const struct grpc_core_server_layout *layout)
{
	const __u32 half = GRPC_CORE_SERVER_WORD / 2,
		    odd = layout->call_context | layout->endpoint | layout->elements | layout->count;

	return !(odd % GRPC_CORE_SERVER_WORD) && !(layout->number % half) &&
	       layout->number / half < 1u << GRPC_CORE_SERVER_PLACE_BITS &&
	       layout->count / GRPC_CORE_SERVER_WORD < 1u << GRPC_CORE_SERVER_COUNT_BITS;
}

WIRE_INLINE __u64 grpc_core_server_cookie(__u32 site, const struct grpc_core_server_layout *layout)
{
	__u64 cookie = layout->count / GRPC_CORE_SERVER_WORD;

	cookie = cookie << GRPC_CORE_SERVER_PLACE_BITS | layout->call_context / GRPC_CORE_SERVER_WORD;
	cookie = cookie << GRPC_CORE_SERVER_PLACE_BITS | layout->endpoint / GRPC_CORE_SERVER_WORD;
	cookie = cookie << GRPC_CORE_SERVER_PLACE_BITS | layout->elements / GRPC_CORE_SERVER_WORD;
	cookie = cookie << GRPC_CORE_SERVER_PLACE_BITS | layout->number / (GRPC_CORE_SERVER_WORD / 2);
	return cookie << 8 | site;
}

WIRE_INLINE struct grpc_core_server_layout grpc_core_server_layout_of(__u64 cookie)
{
	const __u32 place = (1u << GRPC_CORE_SERVER_PLACE_BITS) - 1;
	struct grpc_core_server_layout layout;

	cookie >>= 8;
	layout.number = (cookie & place) * (GRPC_CORE_SERVER_WORD / 2);
	cookie >>= GRPC_CORE_SERVER_PLACE_BITS;
	layout.elements = (cookie & place) * GRPC_CORE_SERVER_WORD;
	cookie >>= GRPC_CORE_SERVER_PLACE_BITS;
	layout.endpoint = (cookie & place) * GRPC_CORE_SERVER_WORD;
	cookie >>= GRPC_CORE_SERVER_PLACE_BITS;
	layout.call_context = (cookie & place) * GRPC_CORE_SERVER_WORD;
	layout.count = (cookie >> GRPC_CORE_SERVER_PLACE_BITS) * GRPC_CORE_SERVER_WORD;
	return layout;
}

/* Under what it is noted for whom a call is made: first by the call, then by its stream. */
struct grpc_core_key {
	__u64 address;	  /* of the call; or the id of the connection */
	__u32 tgid;	  /* 0: a connection's id is nobody else's, … */
	__u32 generation; /* … and its streams have each a number of their own */
	__u32 stream;	  /* 0: by the call */
	__u32 reserved;
};

struct grpc_core_note {
	__u64 mark;
	__u64 exchange_id; /* 0: nobody's that is known */
	__u32 attribution; /* enum attribution */
	__u32 reserved;
	__u64 mark_again;
};

/* No two notes that can lie in one place have the same. */
WIRE_INLINE __u64 grpc_core_mark(const struct grpc_core_key *key)
{
	return key->address ^ ((__u64)key->tgid << 32 | key->generation) * 0x9e3779b97f4a7c15ULL ^
	       (__u64)key->stream << 32;
}

#endif
