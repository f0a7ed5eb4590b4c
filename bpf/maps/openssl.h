/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Objects of OpenSSL. */
#ifndef WEFT_MAPS_OPENSSL_H
#define WEFT_MAPS_OPENSSL_H

#include "maps/late.h"
#include "wire/openssl.h"

LATE_TABLE(openssl_sessions, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct openssl_object, struct openssl_session);

static __always_inline struct openssl_session *openssl_session_get(__u64 object, __u32 tgid)
{
	struct openssl_object key = {.address = object, .tgid = tgid};

	return late_lookup(&openssl_sessions, &key);
}

#endif
