/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/1.1 requests of a member socket, seen before they leave: framed, decided, changed. Works on a copy of the send
 * half, so that a head that has to wait for room can be looked at again from its first byte.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_INJECT_H
#define WEFT_PROTOCOLS_HTTP1_INJECT_H

#include "lib/connection.h"
#include "lib/message.h"
#include "protocols/http1/client.h"
#include "protocols/http1/half.h"

#define HTTP1_TRACEPARENT_LINE 70u /* "traceparent: " + 55 + CRLF */
#define HTTP1_TRACESTATE_LINE 14u  /* "tracestate: " + CRLF */
#define HTTP1_BAGGAGE_LINE 11u	   /* "baggage: " + CRLF */

/* The new value of the traceparent header, to s->staging. */
static __always_inline void http1_stage_value(struct scratch *s, __u32 at)
{
	traceparent_format(s->staging.bytes + at, s->parent.trace_id, s->decision.span_id, s->parent.flags);
}

/* The same to stand in place of a value of `room` bytes: spaces fill up in front, where every reader skips them. */
static __always_inline void http1_stage_over(struct scratch *s, __u32 room)
{
	__u32 pad = room - TRACEPARENT_BYTES;

#pragma unroll
	for (__u32 i = 0; i < 256; i += 8)
		wire_store64(s->staging.bytes + i, 0x2020202020202020ULL);
	WIRE_OPAQUE(pad);
	http1_stage_value(s, pad & 255);
}

/*
 * tracestate and baggage lines of the parent behind `at` in s->staging. Returns the new end. The texts belong to the
 * exchange: when it has ended meanwhile they may be somebody else's, and are left out.
 */
static __always_inline __u32 http1_stage_texts(struct scratch *s, __u32 at, __u32 writes)
{
	__u64 id = s->parent.exchange_id, state_bytes = s->parent.tracestate_bytes,
	      baggage_bytes = s->parent.baggage_bytes;
	__u8 *out = s->staging.bytes;
	const __u8 *text;
	__u32 begin = at;

	if (state_bytes + baggage_bytes > EXCHANGE_TEXT_SMALL)
		text = bpf_map_lookup_elem(&texts_large, &id);
	else
		text = bpf_map_lookup_elem(&texts_small, &id);
	if (!text)
		return at;
	WIRE_OPAQUE(state_bytes);
	WIRE_OPAQUE(baggage_bytes);
	if (state_bytes > TRACESTATE_BYTES_MAX || baggage_bytes > POLICY_BYTES_MAX)
		return at;
	if (writes & WRITE_TRACESTATE) {
		wire_store64(out + at, 0x6174736563617274ULL); /* tracesta */
		wire_store64(out + at + 8, 0x203a6574ULL);     /* te:  */
		if (bpf_probe_read_kernel(out + at + 12, state_bytes, text))
			return begin;
		at += 12 + state_bytes;
		WIRE_OPAQUE(at);
		at &= 1023;
		*(out + at) = '\r';
		*(out + at + 1) = '\n';
		at += 2;
	}
	if (writes & WRITE_BAGGAGE) {
		wire_store64(out + at, 0x3a65676167676162ULL); /* baggage: */
		out[at + 8] = ' ';
		if (bpf_probe_read_kernel(out + at + 9, baggage_bytes, text + state_bytes))
			return begin;
		at += 9 + baggage_bytes;
		WIRE_OPAQUE(at);
		at &= HEAD_TEXT_CAP - 1;
		*(out + at) = '\r';
		*(out + at + 1) = '\n';
		at += 2;
	}
	return exchange_get(id) ? at : begin;
}

/* Lines to be inserted, into s->staging. Returns their length. */
WIRE_GLOBAL int http1_stage_lines(struct scratch *s, __u32 writes)
{
	__u32 at = 0;

	if (!s)
		return 0;
	if (writes & WRITE_TRACEPARENT) {
		wire_store64(s->staging.bytes, 0x7261706563617274ULL); /* tracepar */
		wire_store64(s->staging.bytes + 8, 0x203a746e65ULL);   /* ent:  */
		http1_stage_value(s, 13);
		s->staging.bytes[68] = '\r';
		s->staging.bytes[69] = '\n';
		at = HTTP1_TRACEPARENT_LINE;
	}
	if (writes & (WRITE_TRACESTATE | WRITE_BAGGAGE))
		at = http1_stage_texts(s, at, writes);
	return at;
}

/* Let go what precedes the head, and look at it again at offset 0. */
static __always_inline int http1_wait(struct message *message)
{
	message->cut = message->head_at;
	message->rolled_back = 1;
	return INJECTION_NO_BUDGET;
}

/* What an insertion has split becomes one element again, as far as it pays: several go out as several segments. */
static __always_inline void http1_linearise(struct sk_msg_md *m, struct message *message)
{
	__u32 linear = message->size <= MESSAGE_LINEAR_MAX ? message->size : message->offset;

	if (!message_pull(m, message, 0, linear))	    /* failing does no harm */
		message->windowed = linear < message->size; /* the window ends where the request for it did */
	if (message->offset < message->size && message_need(message->size, message->scatter) > message->space)
		message->cut = message->offset;
}

/* Carries out s->decision on the head that ends at message->offset. Returns what became of it (enum injection_result).
 */
WIRE_GLOBAL int http1_write_head(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	__u32 writes, end, inserted = 0, result, value_at = 0, value_end = 0;
	struct message *message;
	struct http1 *h;
	bool over;

	if (!c || !s)
		return INJECTION_HELPER_FAILED;
	message = &s->message;
	h = &s->half.http1;
	end = message->offset;
	writes = s->decision.writes & (WRITE_TRACEPARENT | WRITE_TRACESTATE | WRITE_BAGGAGE);
	over = (s->decision.writes & WRITE_OVER) != 0;
	result = s->decision.result;
	if (over) {
		__u32 back = h->head_bytes - h->traceparent.start;

		value_at = end - back;
		value_end = value_at + h->traceparent.end - h->traceparent.start;
		if (back > end || value_end - value_at > 255 || value_end - value_at < TRACEPARENT_BYTES) {
			over = false;
			result = INJECTION_SPLIT_HEAD;
		}
	}
	if (writes && end < 2) {
		writes = 0;
		result = over ? result : INJECTION_SPLIT_BLANK_LINE;
	}
	if (!writes && !over)
		return result;
	if (message->zerocopy)
		return INJECTION_ZEROCOPY;
	if (message->shared)
		return INJECTION_SHARED_PAGES;
	if (writes)
		inserted = http1_stage_lines(s, writes);
	/* Also for writing in place: a partial send would leave half an id, because the rest is sent again as it was.
	 */
	if (message_need(end + inserted, message->scatter + 2) > message->space)
		return message->head_at > 0 ? http1_wait(message) : INJECTION_NO_BUDGET;
	if (end > MESSAGE_FIRST_MAX)
		return message->head_at > 0 ? http1_wait(message) : INJECTION_TOO_LARGE;
	if (message->scatter > 1 && message_pull(m, message, 0, end)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return INJECTION_HELPER_FAILED;
	}
	if (inserted && message->scatter > SCATTER_MAX) {
		message_pull(m, message, 0, message->size < 60000 ? message->size : 60000);
		if (message->scatter > SCATTER_MAX) {
			if (!over)
				return INJECTION_SCATTER;
			inserted = 0;
		}
	}
	/* From the back to the front: offsets before the change stay valid. */
	if (inserted) {
		if (message_insert(m, s, end - 2, inserted)) {
			result = INJECTION_HELPER_FAILED;
			inserted = 0;
		} else {
			message->size += inserted;
			message->offset += inserted;
			message->changed = 1;
		}
		message_look(m, message);
	}
	if (over) {
		http1_stage_over(s, value_end - value_at);
		result = message_overwrite(m, s, value_at, value_end) ? INJECTION_HELPER_FAILED : INJECTION_OVERWRITTEN;
	}
	if (inserted)
		http1_linearise(m, message);
	return result;
}

/*
 * The message ends within a head whose traceparent line is complete in it: a carried context is written over now, as
 * the rest of the head may come much later. What was written is kept for the exchange.
 */
WIRE_GLOBAL int http1_overwrite_early(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				      struct process_entry *p)
{
	struct message *message;
	__u32 back, value_at, value_end;
	struct http1 *h;

	if (!c || !s || !p)
		return 0;
	message = &s->message;
	h = &s->half.http1;
	back = h->head_bytes - h->traceparent.start;
	if (h->traceparent_lines != 1 || !h->traceparent.end || (h->flags & HTTP1_TEXT_LOST) ||
	    back > message->offset || c->overwritten || message->zerocopy || message->shared)
		return 0;
	value_at = message->offset - back;
	value_end = value_at + h->traceparent.end - h->traceparent.start;
	if (value_end - value_at > 255 || value_end - value_at < TRACEPARENT_BYTES || value_end > MESSAGE_FIRST_MAX)
		return 0;
	http1_decide(c, h, s, p);
	if (!(s->decision.writes & WRITE_OVER) || message_need(value_end, message->scatter + 1) > message->space)
		return 0;
	http1_stage_over(s, value_end - value_at);
	if (message_overwrite(m, s, value_at, value_end))
		return 0;
	c->overwritten = 1;
	c->overwritten_parent = s->parent;
	__builtin_memcpy(c->overwritten_span_id, s->decision.span_id, 8);
	return 0;
}

/* The head at hand is complete. 1 = stop. */
WIRE_GLOBAL int http1_message_head(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	struct message *message;
	__u32 result;
	struct http1 *h;
	bool early;

	if (!c || !s || !p)
		return 1;
	message = &s->message;
	h = &s->half.http1;
	early = c->overwritten != 0;
	if (early)
		http1_decided_early(c, h, s);
	else
		http1_decide(c, h, s, p);
	result = s->decision.result;
	if (s->decision.writes)
		result = http1_write_head(m, c, s);
	if (early)
		result = INJECTION_OVERWRITTEN;
	if (message->rolled_back) {
		h->state = HTTP1_START;
		return 1;
	}
	message->heads++;
	c->protocol = PROTOCOL_HTTP1;
	if (c->role == ROLE_UNKNOWN)
		c->role = ROLE_CLIENT;
	http1_client_request(c, h, s, result);
	http1_request_follows(h);
	if (h->method == HTTP1_METHOD_CONNECT || (h->flags & HTTP1_HAS_UPGRADE)) {
		message->failed = PARK_UPGRADE;
		return 1;
	}
	return message->cut != 0;
}

/* Up to `most` bytes at message->offset into the text at index `to`. Returns how many, 0 = failed. */
static __always_inline __u32 http1_message_load(struct sk_msg_md *m, struct scratch *s, __u32 to, __u32 most)
{
	struct message *message = &s->message;
	__u32 offset = message->offset, skip = 0;
	__u64 n = message->size - offset;

	if (n > most)
		n = most;
	if (message->scatter == 1 && !message->shared && !message->windowed && offset < 0xffff) {
		skip = offset; /* it lies before us as it is */
	} else if (message_pull(m, message, offset, offset + n)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return 0;
	}
	if ((__u64)m->data_end - (__u64)m->data < skip + n) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return 0;
	}
	if (n == 0)
		return 0;
	WIRE_OPAQUE(n);
	WIRE_OPAQUE(to);
	if (n > HTTP1_WINDOW || to > HTTP1_TEXT_KEPT)
		return 0;
	WIRE_OPAQUE(skip);
	skip &= 0xffff;
	if (bpf_probe_read_kernel(s->text.bytes + to, n, (void *)(long)m->data + skip))
		return 0;
	return n;
}

/* One step through the message. 1 = stop. */
WIRE_GLOBAL int http1_message_step(struct sk_msg_md *m, struct connection *c, struct scratch *s,
				   struct process_entry *p)
{
	enum http1_event event = HTTP1_MORE;
	struct message *message;
	__u32 to, got, stop;
	struct http1 *h;

	if (!c || !s || !p)
		return 1;
	message = &s->message;
	h = &s->half.http1;
	if (message->offset >= message->size || message->offset > 0xfffffff)
		return 1;
	if (http1_in_data(h)) {
		got = http1_skip_data(h, message->size - message->offset, &event);
		message->offset += got;
		message->body += got;
		s->half.body_bytes += got;
		http1_request_body(c, &s->half);
		return 0;
	}
	if (h->state == HTTP1_START) {
		h->is_response = 0;
		s->half.body_bytes = 0;
		s->text_loaded = 1;
		message->head_at = message->offset;
	}
	if (!http1_text_resume(c, s, &s->half)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		message->failed = PARK_HELPER_FAILED;
		return 1;
	}
	to = http1_text_position(h);
	got = http1_message_load(m, s, to,
				 h->state > HTTP1_BLANK_LF ? 64
				 : h->state == HTTP1_START ? 1024
							   : HTTP1_WINDOW);
	if (!got) {
		message->failed = PARK_HELPER_FAILED;
		return 1;
	}
	stop = http1_scan(h, &s->text, to, to + got);
	event = stop & 7;
	message->offset += (stop >> 3) - to;
	if (event == HTTP1_BAD) {
		message->failed = c->protocol == PROTOCOL_UNKNOWN ? PARK_NOT_HTTP : PARK_BAD_FRAMING;
		return 1;
	}
	return event == HTTP1_HEAD ? http1_message_head(m, c, s, p) : 0;
}

struct message_run {
	struct sk_msg_md *message;
	struct connection *connection;
	struct scratch *scratch;
	struct process_entry *process;
};

static long http1_message_loop(__u32 i, void *arg)
{
	struct message_run *run = arg;
	unsigned long stop = http1_message_step(run->message, run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* Parses and changes [message->offset, message->size) of the message; s->half is the state at message->offset. */
static __always_inline int http1_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					 struct process_entry *p)
{
	struct message_run run = {.message = m, .connection = c, .scratch = s, .process = p};
	struct message *message = &s->message;
	__u32 bytes;

	bpf_loop(1 << 20, http1_message_loop, &run, 0);
	if (!message->failed && !message->cut && message->offset < message->size)
		message->failed = PARK_LIMIT;
	if (message->failed || !http1_in_head(&s->half.http1))
		return 0;
	http1_overwrite_early(m, c, s, p);
	bytes = s->half.http1.head_bytes < HEAD_TEXT_CAP ? s->half.http1.head_bytes : HEAD_TEXT_CAP;
	if (partial_save(partial_key(c->id, true), &s->text, bytes)) {
		count_fault(PROGRAM_MESSAGE, FAULT_HEAD_LOST);
		message->failed = PARK_HELPER_FAILED;
	}
	return 0;
}

#endif
