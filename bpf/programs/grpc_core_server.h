/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * grpc++'s server with blocking handlers (x86-64, System V): the thread that is given a call runs its handler and looks
 * for work again. The call leads to its stream, and so to the exchange.
 */
#ifndef WEFT_PROGRAMS_GRPC_CORE_SERVER_H
#define WEFT_PROGRAMS_GRPC_CORE_SERVER_H

#include "lib/attribute_goroutine.h"
#include "maps/streams.h"
#include "programs/grpc_core_stream.h"

/* grpc::Server::SyncRequest: its call. */
#define GRPC_CORE_REQUEST_CALL 32
/* grpc_call_element: a filter, what it keeps of the channel, and of the call. The last one's are those of the
 * transport: its address, and its stream behind what the filter itself has. */
#define GRPC_CORE_ELEMENT_BYTES 24
#define GRPC_CORE_ELEMENTS_MOST 64
#define GRPC_CORE_ELEMENT_CHANNEL 8
#define GRPC_CORE_ELEMENT_CALL 16
#define GRPC_CORE_FILTER_CALL_BYTES 24
#define GRPC_CORE_ALIGNMENT 16u

/* The exchange of the call that `request` is of; 0: of none that is known, or something else stands there. */
static __always_inline __u64 grpc_core_exchange(__u32 tgid, const struct grpc_core_server_layout *layout, __u64 request)
{
	__u64 call = user_word(request + GRPC_CORE_REQUEST_CALL), count, last, stream, transport, connection;

	if (!user_word_read(call + layout->elements - layout->count, &count) || !count ||
	    count > GRPC_CORE_ELEMENTS_MOST)
		return 0;
	last = call + layout->elements + (count - 1) * GRPC_CORE_ELEMENT_BYTES;
	stream = user_word(user_word(last) + GRPC_CORE_FILTER_CALL_BYTES) + GRPC_CORE_ALIGNMENT - 1;
	stream = user_word(last + GRPC_CORE_ELEMENT_CALL) + (stream & -(__u64)GRPC_CORE_ALIGNMENT);
	transport = user_word(stream + GRPC_CORE_STREAM_TRANSPORT);
	if (!transport || user_word(stream) != call + layout->call_context ||
	    user_word(user_word(last + GRPC_CORE_ELEMENT_CHANNEL)) != transport)
		return 0;
	connection = grpc_core_connection(user_word(transport + layout->endpoint));
	return connection ? exchange_of_stream(connection, (__u32)user_word(stream + layout->number), tgid) : 0;
}

/* A handler is about to run here, after those that take the call first (interceptors). */
static __always_inline void grpc_core_serves(struct process_entry *p, __u64 thread,
					     const struct grpc_core_server_layout *layout, __u64 request)
{
	if (p->flags & PROCESS_TASK_NONE)
		return;
	finding(p, FINDING_GRPC_SERVER);
	attribute_goroutine(p, thread_key(thread >> 32, (__u32)thread),
			    grpc_core_exchange(thread >> 32, layout, request), TASK_TOLD);
}

/*
 * Something else is about to run here than what the thread served so far: of another call than `request`'s (0: of none
 * that is known). For the rest of what it served, too, nothing is claimed: nothing tells when the other one ends.
 */
static __always_inline void grpc_core_leaves(__u64 thread, const struct grpc_core_server_layout *layout, __u64 request)
{
	struct task_key key = thread_key(thread >> 32, (__u32)thread);
	struct task *task = task_get(key);
	__u64 current = task ? task->current : 0;

	if (!current || (request && grpc_core_exchange(thread >> 32, layout, request) == current))
		return;
	if (task_is(task, key))
		task->current = 0;
}

#endif
