/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Finds the user memory that the current system call sends from or has received into, from the registers it was
 * entered with (x86-64). What is not in this list (splice, sendfile, io_uring) has no readable bytes: bodies go on by
 * their length, a head cannot. Nor have sendmmsg and recvmmsg of several messages, each of which is seen by itself:
 * nothing certain says which of them it is (msg_len of those before may be left from an earlier call).
 */
#ifndef WEFT_LIB_SOURCE_H
#define WEFT_LIB_SOURCE_H

#include "maps/scratch.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum {
	SYSCALL_READ = 0,
	SYSCALL_WRITE = 1,
	SYSCALL_READV = 19,
	SYSCALL_WRITEV = 20,
	SYSCALL_SENDTO = 44,
	SYSCALL_RECVFROM = 45,
	SYSCALL_SENDMSG = 46,
	SYSCALL_SENDFILE = 40,
	SYSCALL_RECVMSG = 47,
	SYSCALL_SPLICE = 275,
	SYSCALL_RECVMMSG = 299,
	SYSCALL_SENDMMSG = 307,
	SYSCALL_IO_URING_ENTER = 426,
	USER_CODE_SEGMENT = 0x33, /* 64-bit code */
	CALL_UNDER_WAY = -38,	  /* -ENOSYS: what rax holds from the entry of a system call until it has its result */
};

struct user_iovec {
	__u64 base, bytes;
};

/* What a protocol's walk through the bytes of a call is given. */
struct observe_run {
	struct connection *connection;
	struct scratch *scratch;
	struct process_entry *process;
};

/* linux/socket.h, struct user_msghdr, with which a struct mmsghdr begins */
struct user_message_header {
	__u64 name;
	__u64 name_bytes;
	__u64 iovec;
	__u64 iovec_count;
};

/* Nothing to read from yet. Stream offset 0 lies `skip` bytes behind the first byte of what will be. */
static __always_inline void source_none(struct source *source, __u32 skip)
{
	source->count = source->segment = source->more = 0;
	source->window_start = source->segment_start = -skip;
}

static __always_inline void source_buffer(struct source *source, __u64 base, __u64 bytes)
{
	source->count = 1;
	source->segments[0].base = base;
	source->segments[0].bytes = bytes;
}

static __always_inline void source_iovec(struct source *source, __u64 iovec, __u64 count)
{
	__u64 more = 0;

	if (count > SOURCE_SEGMENTS) {
		more = count - SOURCE_SEGMENTS;
		count = SOURCE_SEGMENTS;
	}
	WIRE_OPAQUE(count);
	if (count > SOURCE_SEGMENTS)
		return;
	if (bpf_probe_read_user(source->segments, count * sizeof(struct user_iovec), (void *)iovec))
		return;
	source->count = count;
	source->more = more;
	source->next = iovec + SOURCE_SEGMENTS * sizeof(struct user_iovec);
}

/*
 * Work of io_uring is also done at the end of any other call, when one is interrupted, and by threads that never made
 * one: the registers say nothing of it then.
 */
static __always_inline bool call_is_meant(const struct pt_regs *regs)
{
	return regs->cs == USER_CODE_SEGMENT && (__s64)regs->ax == CALL_UNDER_WAY;
}

/* The descriptor that the current call receives from; negative: not known. */
static __always_inline __s32 receiving_descriptor(void)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!call_is_meant(regs))
		return -1;
	switch (regs->orig_ax) {
	case SYSCALL_READ:
	case SYSCALL_RECVFROM:
	case SYSCALL_READV:
	case SYSCALL_RECVMSG:
	case SYSCALL_RECVMMSG:
		return (__s32)regs->di;
	}
	return -1;
}

/* The call has moved `bytes`, behind `skip` that are dealt with. */
static __always_inline void source_of_syscall(struct source *source, __u64 bytes, __u32 skip, bool outgoing)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct user_message_header *header;

	source_none(source, skip);
	bytes += skip;
	if (!call_is_meant(regs))
		return;
	switch (regs->orig_ax) {
	case SYSCALL_READ:
	case SYSCALL_RECVFROM:
		if (!outgoing)
			source_buffer(source, regs->si, bytes);
		return;
	case SYSCALL_WRITE:
	case SYSCALL_SENDTO:
		if (outgoing)
			source_buffer(source, regs->si, bytes);
		return;
	case SYSCALL_READV:
	case SYSCALL_WRITEV:
		if (outgoing == (regs->orig_ax == SYSCALL_WRITEV))
			source_iovec(source, regs->si, regs->dx);
		return;
	case SYSCALL_SENDMMSG:
	case SYSCALL_RECVMMSG:
		if ((__u32)regs->dx != 1)
			return;
	case SYSCALL_SENDMSG:
	case SYSCALL_RECVMSG:
		if (outgoing != (regs->orig_ax == SYSCALL_SENDMSG || regs->orig_ax == SYSCALL_SENDMMSG))
			return;
		/* Where the segments will lie: Linux 6.1 has little stack. */
		header = (struct user_message_header *)source->segments;
		if (!bpf_probe_read_user(header, sizeof(*header), (void *)regs->si))
			source_iovec(source, header->iovec, header->iovec_count);
		return;
	}
}

/*
 * When stream offset `offset` lies behind the segments that are kept, the next ones of the call take their place.
 * Returns whether they did. Only forward.
 */
WIRE_GLOBAL int source_forward(struct source *source, __u32 offset)
{
	__u64 count;
	__u32 end;

	if (!source || !source->more)
		return 0;
	end = source->window_start;
#pragma unroll
	for (__u32 k = 0; k < SOURCE_SEGMENTS; k++)
		end += source->segments[k].bytes;
	if ((__s32)(offset - end) < 0)
		return 0;
	count = source->more < SOURCE_SEGMENTS ? source->more : SOURCE_SEGMENTS;
	source->count = source->segment = 0;
	source->window_start = source->segment_start = end;
	__builtin_memset(source->segments, 0, sizeof(source->segments)); /* those that are not there have no bytes */
	WIRE_OPAQUE(count);
	if (count > SOURCE_SEGMENTS ||
	    bpf_probe_read_user(source->segments, count * sizeof(struct user_iovec), (void *)source->next)) {
		source->more = 0;
		return 0;
	}
	source->count = count;
	source->more -= count;
	source->next += count * sizeof(struct user_iovec);
	return 1;
}

/* Until stream offset `offset` lies in one of the segments that are kept. */
WIRE_GLOBAL int source_seek(struct source *source, __u32 offset)
{
	for (__u32 i = 0; i < SOURCE_WINDOWS; i++) {
		unsigned long moved = (unsigned long)source_forward(source, offset);

		WIRE_OPAQUE(moved);
		if (!moved)
			break;
	}
	return 0;
}

/*
 * Reads up to `most` bytes at stream offset `offset` into the text at index `to`. Offsets only grow within one call.
 * Returns how many: less at the end of a segment, 0 when nothing can be read.
 */
static __always_inline __u32 source_read(struct source *source, __u32 offset, struct head_text *text, __u32 to,
					 __u32 most)
{
	__u32 segment, start;
	__u64 left, n;

	if (source->more)
		source_seek(source, offset);
	segment = source->segment;
	start = source->segment_start;

	for (__u32 i = 0; i < SOURCE_SEGMENTS; i++) {
		__u32 at = segment;

		if (segment >= source->count)
			return 0;
		WIRE_OPAQUE(at);
		at &= SOURCE_SEGMENTS - 1;
		if (offset - start < source->segments[at].bytes)
			break;
		start += source->segments[at].bytes;
		segment++;
	}
	source->segment = segment;
	source->segment_start = start;
	WIRE_OPAQUE(segment);
	segment &= SOURCE_SEGMENTS - 1;
	if (offset - start >= source->segments[segment].bytes)
		return 0;
	left = source->segments[segment].bytes - (offset - start);
	n = left < most ? left : most;
	if (n == 0)
		return 0;
	WIRE_OPAQUE(n);
	if (n > 4096)
		return 0;
	WIRE_OPAQUE(to);
	if (to > HEAD_TEXT_CAP - 4096)
		return 0;
	if (bpf_probe_read_user(text->bytes + to, n, (void *)(source->segments[segment].base + (offset - start))))
		return 0;
	return n;
}

#endif
