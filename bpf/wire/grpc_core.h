/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Where probes are in gRPC's C-core, and what is noted there: for whom a call is made. See docs/decisions/grpc-core.md.
 */
#ifndef WEFT_WIRE_GRPC_CORE_H
#define WEFT_WIRE_GRPC_CORE_H

#include "wire/port.h"

enum grpc_core_site {
	GRPC_CORE_BATCH = 1, /* grpc_call_start_batch: (call, operations, how many, …), on the thread that asks */
	GRPC_CORE_HEADERS,   /* the call of HPackCompressor::Framer's constructor: (framer, options, compressor, …) */
	GRPC_CORE_UNREF,     /* grpc_call_unref: (call) */
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
