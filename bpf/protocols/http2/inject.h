/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/2 requests of a member socket, seen before they leave: framed, decided, changed. Works on a copy of the send
 * half, so that a request that has to wait for room can be looked at again from its first byte.
 *
 * A context goes in as fields of the form "literal without indexing, new name" (RFC 7541, section 6.2.2) at the end of
 * the header block, before padding: neither side's table changes.
 */
#ifndef WEFT_PROTOCOLS_HTTP2_INJECT_H
#define WEFT_PROTOCOLS_HTTP2_INJECT_H

#include "lib/message.h"
#include "protocols/http1/inject.h"
#include "protocols/http2/client.h"
#include "protocols/http2/encode.h"
#include "protocols/http2/frames.h"

/* Let go what precedes the request, and look at it again at offset 0. */
static __always_inline int http2_wait(struct message *message)
{
	message->cut = message->head_at;
	message->rolled_back = 1;
	return INJECTION_NO_BUDGET;
}

/* The header of the block's last frame, whose payload has become longer. 0 = done. */
static __always_inline int http2_lengthen(struct sk_msg_md *m, struct scratch *s, const struct http2 *h, __u32 by)
{
	__u32 length = h->length + by, at = s->message.frame_at;
	__u8 *out = s->staging.bytes;

	out[0] = length >> 16;
	out[1] = length >> 8;
	out[2] = length;
	out[3] = h->type;
	out[4] = h->flags;
	out[5] = h->stream >> 24;
	out[6] = h->stream >> 16;
	out[7] = h->stream >> 8;
	out[8] = h->stream;
	return message_overwrite(m, s, at, at + HTTP2_FRAME_HEADER_BYTES);
}

/* Would the peer refuse a list of headers that has grown by this? The sizes are estimates: a quarter is for that. */
static __always_inline bool http2_over_limit(const struct connection *c, const struct scratch *s, __u32 inserted)
{
	__u32 limit = c->receive.begun ? c->receive.http2.list_limit : HTTP2_LIST_AT_FIRST + 1;
	__u32 bytes = s->walk.list_bytes;

	return limit && bytes + bytes / 4 + inserted + 32 * 8 >= limit;
}

/* A carried traceparent, in place. Returns where its value begins in the message, 0 = it cannot be written over. */
static __always_inline __u32 http2_value_at(const struct scratch *s, const struct http2 *h)
{
	__u32 end = s->message.offset, bytes = s->head.traceparent.end - s->head.traceparent.start;

	if (s->walk.raw_at == ~0u || s->walk.contexts != 1 || bytes != TRACEPARENT_BYTES ||
	    h->type != HTTP2_FRAME_HEADERS || h->block_bytes > end)
		return 0;
	return end - h->block_bytes + s->walk.raw_at;
}

/* Carries out s->decision on the request whose block ends at message->offset. Returns an enum injection_result. */
WIRE_GLOBAL int http2_write(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 writes, end, inserted = 0, result, value_at = 0;
	struct message *message;
	struct http2 *h;

	if (!c || !s)
		return INJECTION_HELPER_FAILED;
	message = &s->message;
	h = &s->half.http2;
	end = message->offset;
	writes = s->decision.writes & WRITE_LINES;
	result = s->decision.result;
	if (message->frame_at < 0)
		return INJECTION_SPLIT_HEAD;
	if (message->zerocopy)
		return INJECTION_ZEROCOPY;
	if (message->shared)
		return INJECTION_SHARED_PAGES;
	if (s->decision.over) {
		value_at = http2_value_at(s, h);
		if (!value_at)
			return INJECTION_INDEXED;
	}
	if (writes) {
		inserted = http2_stage_fields(s, writes);
		if (!inserted && (writes & WRITE_UBER_BAGGAGE)) /* more of it than fits */
			inserted = http2_stage_fields(s, writes & ~WRITE_UBER_BAGGAGE);
		if (h->length + inserted > HTTP2_FRAME_MOST || http2_over_limit(c, s, inserted)) {
			inserted = 0;
			if (!value_at)
				return INJECTION_TOO_LARGE;
		}
	}
	if (!inserted && !value_at)
		return INJECTION_HELPER_FAILED;
	if (message_need(end + inserted, message->scatter + 2) > message->space)
		return message->head_at > 0 ? http2_wait(message) : INJECTION_NO_BUDGET;
	if (end > MESSAGE_FIRST_MAX)
		return message->head_at > 0 ? http2_wait(message) : INJECTION_TOO_LARGE;
	if (message->scatter > 1 && message_pull(m, message, 0, end)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return INJECTION_HELPER_FAILED;
	}
	if (inserted && !message_gather(m, message)) {
		if (!value_at)
			return INJECTION_SCATTER;
		inserted = 0;
	}
	/* From the back to the front: offsets before the change stay valid. */
	if (inserted) {
		if (message_insert(m, s, end, inserted)) {
			result = INJECTION_HELPER_FAILED;
			inserted = 0;
		} else if (http2_lengthen(m, s, h, inserted)) {
			if (bpf_msg_pop_data(m, end, inserted, 0)) {
				count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
				message->failed = PARK_HELPER_FAILED;
			}
			result = INJECTION_HELPER_FAILED;
			inserted = 0;
		} else {
			message->size += inserted;
			message->offset += inserted;
			message->changed = 1;
		}
	}
	if (value_at) {
		http1_stage_value(s, 0);
		result = message_overwrite(m, s, value_at, value_at + TRACEPARENT_BYTES) ? INJECTION_HELPER_FAILED
											 : INJECTION_OVERWRITTEN;
	}
	if (inserted)
		http1_linearise(m, message);
	return result;
}

/* The header block in s->text is complete. 1 = stop. */
static __always_inline int http2_message_block(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					       struct process_entry *p)
{
	__u32 result, why;
	struct message *message;
	struct http2 *h;

	if (!c || !s || !p)
		return 1;
	s = scratch_again(s);
	if (!s)
		return 1;
	message = &s->message;
	h = &s->half.http2;
	if (!http2_requests(c, s)) {
		http2_emit_block(c, s, h, HTTP2_BLOCK_KEPT);
		http2_answer(c, h, s);
		return 0;
	}
	if (!http2_fields(s, h)) {
		message->failed = PARK_BAD_FRAMING;
		return 1;
	}
	http2_emit_block(c, s, h, s->walk.clear);
	if (!(h->stream & 1) || h->stream <= h->last_stream || !http2_head(s))
		return 0; /* trailers */
	http2_decide(c, h, s, p);
	http2_police(c, h, s, p);
	result = s->decision.result;
	if (s->decision.writes | s->decision.over)
		result = http2_write(m, c, s);
	if (message->rolled_back) {
		__builtin_memcpy(h, &s->before_head, sizeof(*h));
		return 1;
	}
	why = INJECTION_INDEXED;
	h->last_stream = h->stream;
	message->heads++;
	http2_client_request(c, h, s, result, why);
	return message->failed || message->cut;
}

WIRE_GLOBAL int http2_message_small(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 have, wanted, got;
	struct message *message;
	struct http2 *h;

	if (!c || !s)
		return HTTP2_BAD;
	message = &s->message;
	h = &s->half.http2;
	have = h->have;
	WIRE_OPAQUE(have);
	have &= 31;
	wanted = http2_small_wanted(h);
	if (h->state == HTTP2_BETWEEN) {
		message->head_at = message->offset;
		__builtin_memcpy(&s->before_head, h, sizeof(*h));
	}
	if (h->state == HTTP2_BETWEEN || h->state == HTTP2_FRAME)
		message->frame_at = have ? -1 : (__s32)message->offset;
	if (have)
		__builtin_memcpy(s->staging.bytes, h->small, sizeof(h->small));
	got = wanted > have ? message_load(m, message, &s->staging, have, wanted - have) : 0;
	if (!got)
		return HTTP2_BAD;
	message->offset += got;
	if (have + got == wanted)
		return http2_small(h, s->staging.bytes);
	__builtin_memcpy(h->small, s->staging.bytes, sizeof(h->small));
	h->have = have + got;
	if (h->state == HTTP2_BETWEEN)
		h->state = HTTP2_FRAME;
	return HTTP2_MORE;
}

WIRE_GLOBAL int http2_message_fragment(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct message *message;
	struct http2 *h;
	__u32 n, left, at, room;

	if (!c || !s)
		return HTTP2_BAD;
	message = &s->message;
	h = &s->half.http2;
	if (h->length > HTTP2_FRAME_MOST && http2_too_long(c, s, h->length))
		return HTTP2_BAD;
	if (!http2_text_resume(c, s, h)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		return HTTP2_BAD;
	}
	s->text_loaded = 1;
	n = message->size - message->offset;
	left = http2_fragment_left(h);
	if (n > left)
		n = left;
	at = h->block_bytes;
	room = at < HTTP2_BLOCK_KEPT ? HTTP2_BLOCK_KEPT - at : 0;
	if (room) {
		if (room > HTTP2_WINDOW)
			room = HTTP2_WINDOW;
		n = message_load(m, message, &s->text, at, n < room ? n : room);
		if (!n)
			return HTTP2_BAD;
	}
	message->offset += n;
	return http2_fragment_took(h, n);
}

WIRE_GLOBAL int http2_message_data(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct stream_flow *flow;
	struct message *message;
	__u32 n, left, wanted;
	struct http2 *h;

	if (!c || !s)
		return HTTP2_BAD;
	message = &s->message;
	h = &s->half.http2;
	n = message->size - message->offset;
	left = http2_data_left(h);
	if (n > left)
		n = left;
	flow = http2_flow(c, s, h);
	if (flow && http2_prefix_wanted(flow)) {
		wanted = http2_prefix_wanted(flow);
		n = message_load(m, message, &s->staging, 0, n < wanted ? n : wanted);
		if (!n)
			return HTTP2_BAD;
		http2_prefix_took(flow, s->staging.bytes, n);
	} else if (flow) {
		n = http2_message_took(flow, n);
	}
	message->offset += n;
	return http2_data_took(h, n);
}

/* One step through the message. 1 = stop. */
WIRE_GLOBAL int http2_message_step(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	struct message *message;
	__u32 rest, event;
	struct http2 *h;

	if (!c || !s || !p)
		return 1;
	message = &s->message;
	h = &s->half.http2;
	if (message->offset >= message->size || message->offset > 0xfffffff)
		return 1;
	rest = message->size - message->offset;
	if (h->state == HTTP2_DATA) {
		event = http2_message_data(m, c, s);
	} else if (h->state == HTTP2_SKIP) {
		if (rest > h->left)
			rest = h->left;
		message->offset += rest;
		event = http2_skipped(h, rest);
	} else if (h->state == HTTP2_FRAGMENT) {
		event = http2_message_fragment(m, c, s);
	} else {
		event = http2_message_small(m, c, s);
	}
	if (event == HTTP2_BAD) {
		message->failed = PARK_BAD_FRAMING;
		return 1;
	}
	if (event == HTTP2_BLOCK)
		return http2_message_block(m, c, s, p);
	if (event != HTTP2_MORE)
		http2_control(c, s, h, event);
	return 0;
}

static long http2_message_loop(__u32 i, void *arg)
{
	struct message_run *run = arg;
	unsigned long stop = http2_message_step(run->message, run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* All of the message was looked at, or as much of it as can be for now: text of a block that goes on is kept. */
WIRE_GLOBAL int http2_message_over(struct connection *c, struct scratch *s)
{
	struct message *message;
	__u32 bytes;

	if (!c || !s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	message = &s->message;
	if (!message->failed && !message->cut && message->offset < message->size)
		message->failed = PARK_LIMIT;
	if (message->failed || !http2_text_waits(&s->half.http2))
		return 0;
	bytes = s->half.http2.block_bytes < HTTP2_BLOCK_KEPT ? s->half.http2.block_bytes : HTTP2_BLOCK_KEPT;
	if (partial_save(partial_key(c->id, true), &s->text, bytes)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		message->failed = PARK_HELPER_FAILED;
	}
	return 0;
}

/* Parses and changes [message->offset, message->size) of the message; s->half is the state at message->offset. */
static __always_inline int http2_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					 struct process_entry *p)
{
	struct message_run run = {.message = m, .connection = c, .scratch = s, .process = p};
	struct message *message = &s->message;

	if (!c->send.begun)
		http2_half_begins(c, &c->send, &s->half.http2);
	message->frame_at = -1;
	bpf_loop(1 << 20, http2_message_loop, &run, 0);
	http2_message_over(c, s);
	return 0;
}

/*
 * The first message of a connection: is it HTTP/2? Another thread may have found so meanwhile, by what it received. The
 * state is copied again: it was taken for HTTP/1.1's before.
 */
WIRE_GLOBAL int http2_recognise_message(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 got;

	if (!c || !s)
		return 0;
	if (*(volatile __u8 *)&c->protocol != PROTOCOL_HTTP2) {
		got = s->message.offset ? 0 : message_load(m, &s->message, &s->staging, 0, HTTP2_PREFACE_BYTES);
		if (!got || !http2_recognise(c, s, s->staging.bytes, got))
			return 0;
	}
	__builtin_memcpy(&s->half.http2, &c->send.http2, sizeof(s->half.http2));
	return 1;
}

#endif
