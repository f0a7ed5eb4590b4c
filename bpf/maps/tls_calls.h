/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A thread's calls of libraries that encrypt: the one of OpenSSL that it is in, and what the last one has moved. */
#ifndef WEFT_MAPS_TLS_CALLS_H
#define WEFT_MAPS_TLS_CALLS_H

#include "maps/late.h"

/* A call of OpenSSL that goes on. */
struct tls_call_frame {
	__u64 buffer;	  /* what it moves is there */
	__u64 bytes_at;	  /* where it puts their number; 0: it returns it */
	__u64 sp;	  /* the stack pointer where it began */
	__u64 returns_to; /* what stood there */
	__u64 site;	  /* enum openssl_site */
};

struct tls_call {
	__u64 base;   /* where the plaintext is in the thread's process */
	__u64 bytes;  /* how many were moved */
	__u64 socket; /* the address of the struct sock */
	/* Of OpenSSL: */
	__u64 object; /* 0: the thread is in none */
	struct tls_call_frame frame;
	struct tls_call_frame outer; /* another one of this object, in which it was made, by a callback; sp 0: none */
	__u64 received_on; /* the socket that the thread has received encrypted bytes on since its last call; 0: none */
	__u16 nonblocking; /* of that socket, or of the one that was moved on */
	__u16 joining;	   /* what it carries was not known yet */
	__u32 generation;  /* of the process's tracing in which the call began */
	__u32 first;	   /* the object's first one */
	__u32 reserved;
};

LATE_TABLE(tls_calls, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct tls_call);

static __always_inline struct tls_call *tls_call_get(__u64 thread)
{
	return late_lookup(&tls_calls, &thread);
}

/* A function of its own: the stack of who calls it has no room for an entry. */
WIRE_GLOBAL int tls_call_make(__u64 thread)
{
	struct tls_call fresh = {};

	return late_update(&tls_calls, &thread, &fresh, BPF_NOEXIST);
}

/* NULL: no room. */
static __always_inline struct tls_call *tls_call_create(__u64 thread)
{
	struct tls_call *call = tls_call_get(thread);

	if (call || tls_call_make(thread))
		return call;
	return tls_call_get(thread);
}

static __always_inline void tls_call_remove(__u64 thread)
{
	late_delete(&tls_calls, &thread);
}

#endif
