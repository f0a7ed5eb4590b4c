/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Encrypted connections whose plaintext a probe sees: a connection's state beside that of its socket, which holds what
 * the encrypted bytes look like (no protocol). By the socket's address, to the end of the socket.
 */
#ifndef WEFT_MAPS_TLS_H
#define WEFT_MAPS_TLS_H

#include "maps/connections.h"
#include "maps/late.h"

LATE_TABLE(tls_connections, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct connection);

/* All zero: what a fresh one is copied from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct connection);
} tls_fresh SEC(".maps");

static __always_inline struct connection *tls_connection_get(__u64 socket)
{
	return late_lookup(&tls_connections, &socket);
}

static __always_inline long tls_connection_remove(__u64 socket)
{
	return late_delete(&tls_connections, &socket);
}

/* A fresh one; NULL: no room, or there is one. */
static __always_inline struct connection *tls_connection_create(__u64 socket)
{
	__u32 zero = 0;
	struct connection *fresh = bpf_map_lookup_elem(&tls_fresh, &zero);

	if (!fresh || late_update(&tls_connections, &socket, fresh, BPF_NOEXIST))
		return NULL;
	return tls_connection_get(socket);
}

#endif
