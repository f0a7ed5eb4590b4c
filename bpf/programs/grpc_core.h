/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * gRPC's C-core (x86-64, System V). As a client any thread may encode and send what another one has asked for, so it is
 * noted who asks, by the call; and when a stream's header block is begun, the stream leads back to its call, and
 * forward to its connection. The server's side is in programs/grpc_core_server.h. One program for all places, told
 * apart by the cookie.
 */
#ifndef WEFT_PROGRAMS_GRPC_CORE_H
#define WEFT_PROGRAMS_GRPC_CORE_H

#include "programs/grpc_core_server.h"

/* grpc_op begins with its grpc_op_type (grpc/impl/codegen/grpc_types.h). */
#define GRPC_CORE_SENDS_INITIAL_METADATA 0u
#define GRPC_CORE_TRANSPORT_MOST 65536u

static __always_inline struct grpc_core_key grpc_core_call_key(const struct process_entry *p, __u32 tgid, __u64 call)
{
	struct grpc_core_key key = {.address = call, .tgid = tgid, .generation = p->generation};

	return key;
}

/*
 * Whatever request the thread serves is noted, also when it is none. What a thread inherits does not count: the
 * library's own were born in whichever request came first.
 */
static __always_inline void grpc_core_begins(struct process_entry *p, __u64 thread, __u64 call, __u64 operations,
					     __u64 count)
{
	struct grpc_core_key key = grpc_core_call_key(p, thread >> 32, call);
	struct go_send send;
	__u64 first;

	if (!count || !user_word_read(operations, &first) || (__u32)first != GRPC_CORE_SENDS_INITIAL_METADATA)
		return;
	send = task_calls(p, thread_key(thread >> 32, (__u32)thread));
	if (send.attribution != ATTRIBUTION_TASK) {
		send.attribution = ATTRIBUTION_NONE;
		send.exchange_id = 0;
	}
	finding(p, FINDING_GRPC_CORE);
	if (!grpc_core_note_set(&key, send.exchange_id, send.attribution))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
}

/* Which of the registers is read first and chosen then: the verifier allows no computed offset into them. */
static __always_inline __u64 grpc_core_stream(const struct pt_regs *regs, __u32 which)
{
	__u64 kept[8] = {};

	kept[GRPC_CORE_RBX] = regs->bx;
	kept[GRPC_CORE_RBP] = regs->bp;
	kept[GRPC_CORE_R12] = regs->r12;
	kept[GRPC_CORE_R13] = regs->r13;
	kept[GRPC_CORE_R14] = regs->r14;
	kept[GRPC_CORE_R15] = regs->r15;
	barrier();
	WIRE_OPAQUE(which);
	return kept[which & 7];
}

/* Of the transport that `compressor` belongs to, stream `number` is about to get its header block. */
static __always_inline void grpc_core_encodes(const struct process_entry *p, __u32 tgid,
					      const struct grpc_core_layout *layout, __u64 stream, __u64 compressor,
					      __u32 number)
{
	__u64 transport = user_word(stream + GRPC_CORE_STREAM_TRANSPORT), connection;
	struct grpc_core_key key = grpc_core_call_key(p, tgid, user_word(stream) - layout->call_context);
	struct grpc_core_note note;

	if (!grpc_core_note_get(&key, &note))
		return;
	if (!number || compressor - transport >= GRPC_CORE_TRANSPORT_MOST)
		return;
	connection = grpc_core_connection(user_word(transport + layout->endpoint));
	if (!connection || stream_get(connection, number)) /* under way already: it is a server that answers */
		return;
	key = grpc_core_stream_key(connection, number);
	if (!grpc_core_note_set(&key, note.exchange_id, note.attribution))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
}

SEC("uprobe")
int on_grpc_core(struct pt_regs *regs)
{
	__u64 thread = bpf_get_current_pid_tgid(), cookie = bpf_get_attach_cookie(regs);
	__u64 first = regs->di, second = regs->si, third = regs->dx;
	struct process_entry *p = process_get(thread >> 32);
	struct grpc_core_layout layout = grpc_core_layout_of(cookie);
	struct grpc_core_server_layout server = grpc_core_server_layout_of(cookie);
	struct grpc_core_key key;

	if (!p || p->go)
		return 0;
	switch ((__u8)cookie) {
	case GRPC_CORE_BATCH:
		grpc_core_begins(p, thread, first, second, third);
		break;
	case GRPC_CORE_HEADERS:
		grpc_core_encodes(p, thread >> 32, &layout, grpc_core_stream(regs, layout.stream), third,
				  (__u32)user_word(second));
		break;
	case GRPC_CORE_UNREF:
		key = grpc_core_call_key(p, thread >> 32, first);
		grpc_core_forget(&key);
		break;
	case GRPC_CORE_SERVES:
		grpc_core_serves(p, thread, &server, first);
		break;
	case GRPC_CORE_RESUMES:
		grpc_core_leaves(thread, &server, first);
		break;
	case GRPC_CORE_LEAVES:
		grpc_core_leaves(thread, &server, 0);
		break;
	}
	return 0;
}

#endif
