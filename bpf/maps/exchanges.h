/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Server exchanges that are being worked on, by exchange id: the context that outgoing messages continue. An entry
 * lives from the request's head to the end of its response; whoever holds an id asks here whether it is still alive.
 */
#ifndef WEFT_MAPS_EXCHANGES_H
#define WEFT_MAPS_EXCHANGES_H

#include "wire/events.h"
#include "wire/head_text.h"

#define CARRIED_VALUE_MAX 64u

/* A context value as received, for recognising it when the application forwards it. */
struct carried_key {
	__u32 tgid;
	__u16 kind;		       /* enum carried_kind */
	__u16 length;		       /* of the value */
	__u8 value[CARRIED_VALUE_MAX]; /* zeros behind it */
};
WIRE_ASSERT(sizeof(struct carried_key) == 72, "carried_key layout");

enum carried_kind { CARRIED_VALUE = 1, CARRIED_TRACE = 2 };

/* exchange.indexed */
#define INDEXED_VALUE (1u << 0)
#define INDEXED_TRACE (1u << 1)

/* `id` stands at both ends: memory of a deleted entry is reused at once, a reader compares both after copying. */
struct exchange {
	__u64 id;
	__u64 connection_id;
	__u32 tgid;
	__u32 tid;
	struct wire_ids ids;
	__u8 flags; /* W3C */
	__u8 indexed;
	__u16 tracestate_bytes;
	__u16 baggage_bytes;
	__u16 reserved;
	__u32 generation; /* of the tracing of the process */
	__u32 reserved2;
	struct carried_key received; /* zeros: nothing that could be recognised */
	__u64 id_again;
};
WIRE_ASSERT(sizeof(struct exchange) == 152, "exchange layout");

/* tracestate and baggage of an exchange, one behind the other. Two size classes; most exchanges need neither. */
#define EXCHANGE_TEXT_SMALL 512u
#define EXCHANGE_TEXT_LARGE 8960u

struct exchange_text_small {
	__u8 bytes[EXCHANGE_TEXT_SMALL];
};
struct exchange_text_large {
	__u8 bytes[EXCHANGE_TEXT_LARGE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct exchange);
} exchanges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct exchange_text_small);
} texts_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct exchange_text_large);
} texts_large SEC(".maps");

static __always_inline struct exchange *exchange_get(__u64 id)
{
	return bpf_map_lookup_elem(&exchanges, &id);
}

static __always_inline long exchange_add(const struct exchange *e)
{
	return bpf_map_update_elem(&exchanges, &e->id, e, BPF_NOEXIST);
}

/* Copies the live exchange `id` to `out`. False: it is over. */
static __always_inline bool exchange_copy(__u64 id, struct exchange *out)
{
	struct exchange *e = exchange_get(id);

	if (!e)
		return false;
	__builtin_memcpy(out, e, sizeof(*out));
	return *(volatile __u64 *)&e->id == id && *(volatile __u64 *)&e->id_again == id && out->id == id;
}

/* `text` holds at least EXCHANGE_TEXT_LARGE bytes. */
static __always_inline long exchange_text_add(__u64 id, __u32 bytes, const void *text)
{
	if (bytes <= EXCHANGE_TEXT_SMALL)
		return bpf_map_update_elem(&texts_small, &id, text, BPF_ANY);
	return bpf_map_update_elem(&texts_large, &id, text, BPF_ANY);
}

static __always_inline void exchange_remove(const struct exchange *e)
{
	__u64 id = e->id;
	__u32 bytes = (__u32)e->tracestate_bytes + e->baggage_bytes;

	/* The entry first: whoever copies the texts asks for it afterwards. */
	bpf_map_delete_elem(&exchanges, &id);
	if (bytes > EXCHANGE_TEXT_SMALL)
		bpf_map_delete_elem(&texts_large, &id);
	else if (bytes)
		bpf_map_delete_elem(&texts_small, &id);
}

#endif
