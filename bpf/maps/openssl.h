/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Objects of OpenSSL whose handshake was seen to begin, and the call of it that a thread is in. */
#ifndef WEFT_MAPS_OPENSSL_H
#define WEFT_MAPS_OPENSSL_H

#include "maps/late.h"
#include "wire/openssl.h"

LATE_TABLE(openssl_sessions, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct openssl_object, struct openssl_session);

struct openssl_call {
	__u64 object; /* 0: the thread is in none */
	__u64 buffer;
	__u64 bytes_at;	   /* where the call puts their number; 0: it returns it */
	__u64 received_on; /* the socket that the thread has received encrypted bytes on since its last call; 0: none */
	__u32 site;	   /* enum openssl_site */
	__u32 nonblocking; /* of that socket */
	__u64 bytes, socket; /* what it has moved, at its end */
};

LATE_TABLE(openssl_calls, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct openssl_call);

static __always_inline struct openssl_session *openssl_session_get(__u64 object, __u32 tgid)
{
	struct openssl_object key = {.address = object, .tgid = tgid};

	return late_lookup(&openssl_sessions, &key);
}

static __always_inline struct openssl_call *openssl_call_get(__u64 thread)
{
	return late_lookup(&openssl_calls, &thread);
}

/* NULL: no room. */
static __always_inline struct openssl_call *openssl_call_create(__u64 thread)
{
	struct openssl_call *call = openssl_call_get(thread), fresh = {};

	if (call || late_update(&openssl_calls, &thread, &fresh, BPF_NOEXIST))
		return call;
	return openssl_call_get(thread);
}

static __always_inline void openssl_call_remove(__u64 thread)
{
	late_delete(&openssl_calls, &thread);
}

#endif
