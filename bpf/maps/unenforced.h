/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Connections on which baggage went out as it was, so that it can be told which: the last so many of them, also after
 * they were closed. What is pushed out is still in kernel_counters.
 */
#ifndef WEFT_MAPS_UNENFORCED_H
#define WEFT_MAPS_UNENFORCED_H

#include "maps/connections.h"
#include "wire/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, UNENFORCED_CONNECTIONS);
	__type(key, __u64); /* connection.id */
	__type(value, struct unenforced_connection);
} unenforced_connections SEC(".maps");

static const struct unenforced_connection unenforced_none = {};

/* One more message of `tgid` on this connection; `reason` is an enum injection_result. */
static __always_inline void unenforced_add(const struct connection *c, __u32 tgid, __u64 now_ns, __u32 reason)
{
	struct unenforced_connection *u;
	__u64 id = c->id;

	u = bpf_map_lookup_elem(&unenforced_connections, &id);
	if (!u) {
		bpf_map_update_elem(&unenforced_connections, &id, &unenforced_none, BPF_NOEXIST);
		u = bpf_map_lookup_elem(&unenforced_connections, &id); /* also when another CPU was first */
	}
	if (!u)
		return;
	u->last_ns = now_ns;
	u->tgid = tgid;
	u->protocol = c->protocol;
	u->local_port = c->local_port;
	u->peer_port = c->peer_port;
	__builtin_memcpy(u->local_address, c->local_address, sizeof(u->local_address));
	__builtin_memcpy(u->peer_address, c->peer_address, sizeof(u->peer_address));
	WIRE_OPAQUE(reason);
	if (reason < INJECTION_COUNT)
		__sync_fetch_and_add(&u->times[reason], 1);
}

#endif
