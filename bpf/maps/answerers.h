/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Accepted sockets whose responses pass through on_answer, by socket cookie, and what is known of the listening sockets
 * that they come from. At the handshake nobody knows whose a socket will be, so the listening one is marked, and the
 * kernel copies the mark to each accepted socket; what readers of such sockets have shown so far is kept by that mark.
 */
#ifndef WEFT_MAPS_ANSWERERS_H
#define WEFT_MAPS_ANSWERERS_H

#include "maps/processes.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1); /* set before load when it is used */
	__type(key, __u64);
	__type(value, __u32);
} answerers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

struct listener_found {
	__u32 tgid;	 /* of a traced process that has read a request from such a socket, without waiting */
	__u32 forbidden; /* some reader or writer of such a socket could not live with a member */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct listener_found);
} listeners_found SEC(".maps");

__u32 answer_headers = 0; /* ANSWER_*: what responses get; set before anything is attached */

/* In the context of the process that listens. */
static __always_inline void listener_mark(struct sock *sk, __u32 tgid)
{
	struct listener *l;

	if (!answer_headers || !process_get(tgid))
		return;
	l = bpf_sk_storage_get(&listeners, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (l)
		l->id = bpf_get_socket_cookie(sk);
}

/* May accepted sockets of this process be members? An instrumented one names traces of its own. */
static __always_inline bool answers_allowed(const struct process_entry *p)
{
	return !(p->flags & (PROCESS_NEVER_ENROL | PROCESS_INSTRUMENTED));
}

/* May a socket that was accepted from this one be a member from its beginning on? */
static __always_inline bool listener_allows(__u64 listener)
{
	struct listener_found *found = bpf_map_lookup_elem(&listeners_found, &listener);
	struct process_entry *p = found && !found->forbidden ? process_get(found->tgid) : NULL;

	return p && answers_allowed(p);
}

/* That sockets accepted from it may not be members, or who has read from one without waiting. False: they may not. */
static __always_inline bool listener_tell(__u64 listener, __u32 tgid, bool forbidden)
{
	struct listener_found fresh = {.tgid = tgid, .forbidden = forbidden};
	struct listener_found *found;

	if (!listener)
		return !forbidden;
	found = bpf_map_lookup_elem(&listeners_found, &listener);
	if (!found) {
		bpf_map_update_elem(&listeners_found, &listener, &fresh, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&listeners_found, &listener);
	}
	if (!found)
		return false;
	if (forbidden)
		found->forbidden = 1;
	else if (found->tgid != tgid)
		found->tgid = tgid;
	return !found->forbidden;
}

#endif
