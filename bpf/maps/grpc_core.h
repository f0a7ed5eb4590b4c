/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* For whom calls of gRPC's C-core are made that may not have left yet. Of what is never sent the oldest goes. */
#ifndef WEFT_MAPS_GRPC_CORE_H
#define WEFT_MAPS_GRPC_CORE_H

#include "maps/late.h"
#include "wire/grpc_core.h"

LATE_TABLE(grpc_core_notes, BPF_MAP_TYPE_LRU_HASH, 0, struct grpc_core_key, struct grpc_core_note);

static __always_inline void grpc_core_forget(const struct grpc_core_key *key)
{
	late_delete(&grpc_core_notes, key);
}

/* Instead of what was noted before. False: there was no room, and nothing is noted. */
static __always_inline bool grpc_core_note_set(const struct grpc_core_key *key, __u64 exchange_id, __u32 attribution)
{
	struct grpc_core_note note = {.exchange_id = exchange_id, .attribution = attribution};

	note.mark = note.mark_again = grpc_core_mark(key);
	if (!late_update(&grpc_core_notes, key, &note, BPF_ANY))
		return true;
	grpc_core_forget(key);
	return false;
}

/* False: nothing is noted. The place of one that went meanwhile may be another's. */
static __always_inline bool grpc_core_note_get(const struct grpc_core_key *key, struct grpc_core_note *out)
{
	struct grpc_core_note *note = late_lookup(&grpc_core_notes, key);
	__u64 mark = grpc_core_mark(key);

	if (!note || *(volatile __u64 *)&note->mark != mark)
		return false;
	barrier();
	__builtin_memcpy(out, note, sizeof(*out));
	barrier();
	return *(volatile __u64 *)&note->mark == mark && *(volatile __u64 *)&note->mark_again == mark &&
	       out->mark == mark;
}

static __always_inline struct grpc_core_key grpc_core_stream_key(__u64 connection_id, __u32 stream)
{
	struct grpc_core_key key = {.address = connection_id, .stream = stream};

	return key;
}

#endif
