/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Probes in Go programs (x86-64, register arguments): goroutines that are born and end, and net/http's client, where
 * another goroutine than the one that asks writes the request. One program for all places, told apart by the cookie, so
 * that a process needs one link, and another for those that it may rest from. Each place is an instruction that the
 * kernel emulates; no return probe anywhere, because stacks move.
 */
#ifndef WEFT_PROGRAMS_GOROUTINE_H
#define WEFT_PROGRAMS_GOROUTINE_H

#include "lib/attribute_goroutine.h"
#include "lib/descriptor.h"
#include "lib/kafka_records.h"
#include "maps/streams.h"
#include "maps/tls.h"
#include "wire/http2_state.h"

#define FLAG_CARRY 0x01 /* of the processor */
#define FLAG_ZERO 0x40
/* struct itab: two pointers, hash, padding, then the methods of net.Conn by name; Write is the eighth. */
#define ITAB_CONN_WRITE (24 + 7 * 8)
/* net.conn.fd, net.netFD.pfd, poll.FD.fdmu (16 bytes), poll.FD.Sysfd: the same since Go 1.9. */
#define NETFD_SYSFD 16
/* net/http's http2serverConn.conn, behind two pointers: the same since its first release; in Go 1.27's own package … */
#define HTTP2_SERVER_CONN 16
#define HTTP2_INTERNAL_CONN 24 /* … behind a pointer and an interface */
/* google.golang.org/grpc/internal/transport: hf of headerFrame, later clientHeaders, behind a stream's number. */
#define GRPC_HEADERS_FIELDS 8

static __always_inline struct task_key goroutine_key(__u32 tgid, const struct go_process *go, __u64 goroutine)
{
	struct task_key key = {.owner = (__u64)tgid << 32 | go->program, .goroutine = goroutine};

	return key;
}

/*
 * At the entry of a function (runtime/probe_site.h): the check of the stack has found too little of it (CF or ZF), and
 * when it has grown, the function begins again.
 */
static __always_inline bool go_begins_again(const struct pt_regs *regs)
{
	return regs->flags & (FLAG_CARRY | FLAG_ZERO);
}

/* Is it the running goroutine's struct that the register holds? */
static __always_inline bool go_registers_agree(struct go_process *go, __u64 g)
{
	if (current_g(go) == g)
		return true;
	go->refuted = 1;
	return false;
}

/*
 * On the scheduler's stack, R14 is its own g: the parent is the goroutine that its thread serves. Since Go 1.21 the new
 * one knows its parent's number itself; there both have to be the same when the offsets are right, and so it is by
 * births that a layout proves itself.
 */
static __always_inline __u64 go_parent(struct go_process *go, __u64 g0, __u64 born)
{
	__u64 parent = user_word(user_word(user_word(g0 + go->g_m) + go->m_curg) + go->g_goid), noted;

	if (go->g_parent_goid == GO_NO_FIELD)
		return parent;
	noted = user_word(born + go->g_parent_goid);
	if (go->unproven && noted) {
		if (noted != parent || noted == user_word(born + go->g_goid))
			go->refuted = 1;
		else
			__sync_fetch_and_add(&go->proofs, 1);
	}
	return noted;
}

static __always_inline int go_born(struct pt_regs *regs, struct process_entry *p, struct go_process *go, __u32 tgid)
{
	__u64 born = regs->bx, site = user_word(born + go->g_startpc), parent, goroutine;
	struct start_site *known = start_site_get(go->program, site);

	if (known && known->off && !go->unproven) {
		go->idle_births++;
		return 0;
	}
	parent = go_parent(go, regs->r14, born);
	if (!parent || !site || !go_is_certain(go))
		return 0;
	goroutine = user_word(born + go->g_goid);
	if (goroutine && attribute_birth(p, goroutine_key(tgid, go, parent), goroutine_key(tgid, go, goroutine), site))
		go->births++;
	else
		go->idle_births++;
	return 0;
}

static __always_inline int go_ends(struct pt_regs *regs, struct go_process *go, __u32 tgid)
{
	__u64 g = regs->r14;
	struct task_key key;

	if (!go_registers_agree(go, g))
		return 0;
	key = goroutine_key(tgid, go, user_word(g + go->g_goid));
	attribute_death(key);
	kafka_consumer_gone(key, KAFKA_RECORD_PROCESSED);
	return 0;
}

/* A net.Conn as it lies in memory, and what tells its type: the address of its method Write. */
struct go_conn {
	__u64 itab, data;
	__u64 write;
};

static __always_inline void go_conn_read(const struct go_process *go, __u64 address, struct go_conn *conn)
{
	if (bpf_probe_read_user(conn, 2 * sizeof(__u64), (void *)address))
		conn->itab = conn->data = 0;
	if (conn->itab && conn->itab == go->tcp_itab)
		conn->write = go->tcp_write;
	else
		conn->write = user_word(conn->itab + ITAB_CONN_WRITE);
}

/* … of a net.Conn. A wrapped or encrypted one has no descriptor where a TCPConn keeps it: 0. */
static __always_inline __u64 socket_of_conn(struct go_process *go, struct go_conn *conn)
{
	if (go->h2c_write && conn->write == go->h2c_write)
		go_conn_read(go, conn->data, conn); /* its first field is the connection below */
	if (!go->tcp_write || conn->write != go->tcp_write)
		return 0;
	if (go->tcp_itab != conn->itab)
		go->tcp_itab = conn->itab;
	return socket_of_descriptor((__u32)user_word(user_word(conn->data) + NETFD_SYSFD));
}

static __always_inline __u64 socket_of_interface(struct go_process *go, __u64 interface)
{
	struct go_conn conn;

	go_conn_read(go, interface, &conn);
	return socket_of_conn(go, &conn);
}

/* The connection that a net.Conn is for us: by its socket, or encrypted on one. 0: none that is known. */
static __always_inline __u64 connection_of_interface(struct go_process *go, __u64 interface)
{
	const struct connection *c;
	struct go_conn conn;
	__u64 socket;

	go_conn_read(go, interface, &conn);
	if (go->tls_write && conn.write == go->tls_write) {
		socket = socket_of_interface(go, conn.data); /* its first field is the connection below */
		c = socket ? tls_connection_get(socket) : NULL;
		return c ? c->id : 0;
	}
	return connection_of_socket(socket_of_conn(go, &conn));
}

/* For whom the goroutine whose structure is at g calls now. */
static __always_inline struct go_send goroutine_calls(struct process_entry *p, const struct go_process *go, __u64 g,
						      __u32 tgid)
{
	__u64 goroutine = user_word(g + go->g_goid);
	struct go_send nobody = {};

	return goroutine ? task_calls(p, goroutine_key(tgid, go, goroutine)) : nobody;
}

/* AX is the connection. Whoever it belongs to, its next request is for what this goroutine works on. */
static __always_inline int go_round_trip(struct pt_regs *regs, struct process_entry *p, struct go_process *go,
					 __u32 tgid)
{
	__u64 g = regs->r14, interface = regs->ax + go->persist_conn_conn, id;
	struct go_send send;

	if (!go_registers_agree(go, g) || !go_is_certain(go))
		return 0;
	id = connection_of_interface(go, interface);
	if (!id)
		return 0;
	send = goroutine_calls(p, go, g, tgid);
	if (go_send_set(id, &send))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
	return 0;
}

/*
 * net/http's HTTP/2 server and golang.org/x/net/http2: the handler's goroutine begins. The writer leads to its stream,
 * and the stream back to the connection in AX: else something else stands there, and it stays unknown.
 */
static __always_inline int go_http2_handler(struct pt_regs *regs, struct process_entry *p, struct go_process *go,
					    __u32 tgid, __u32 conn_at)
{
	__u64 g = regs->r14, connection = regs->ax, id, exchange = 0, goroutine;
	__u64 stream = user_word(user_word(regs->bx));

	if (!go_registers_agree(go, g) || !go_is_certain(go))
		return 0;
	goroutine = user_word(g + go->g_goid);
	if (!goroutine)
		return 0;
	id = stream && user_word(stream) == connection ? connection_of_interface(go, connection + conn_at) : 0;
	if (id)
		exchange = exchange_of_stream(id, (__u32)user_word(stream + 8), tgid);
	attribute_goroutine(p, goroutine_key(tgid, go, goroutine), exchange, 0);
	return 0;
}

/* gRPC's client: a goroutine hands the headers of a request to the one that writes. */
static __always_inline int go_grpc_new_stream(struct pt_regs *regs, struct process_entry *p, struct go_process *go,
					      __u32 tgid)
{
	__u64 g = regs->r14, fields = user_word(regs->di + GRPC_HEADERS_FIELDS);
	struct go_send send;

	if (!go_registers_agree(go, g) || !go_is_certain(go) || !fields)
		return 0;
	send = goroutine_calls(p, go, g, tgid);
	if (go_stream_set(goroutine_key(tgid, go, fields), 0, &send))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
	return 0;
}

/* The goroutine that writes takes them up, and has a stream for them; a server's answer has been noted by nobody. */
static __always_inline int go_grpc_write_header(struct pt_regs *regs, struct go_process *go, __u32 tgid)
{
	struct task_key fields = goroutine_key(tgid, go, regs->di);
	struct go_send *noted = go_stream_get(fields, 0), send;
	__u32 stream = regs->bx;
	__u64 g = regs->r14;

	if (!noted)
		return 0;
	send = *noted;
	go_stream_remove(fields, 0);
	if (!stream || !go_registers_agree(go, g) || !go_is_certain(go))
		return 0;
	if (go_stream_set(goroutine_key(tgid, go, user_word(g + go->g_goid)), stream, &send))
		count_fault(PROGRAM_PROCESS, FAULT_MAP_FULL);
	return 0;
}

/* golang.org/x/net/http2.MetaHeadersFrame begins with a HeadersFrame's address. Returns its stream; 0: it is none. */
static __always_inline __u32 stream_of_frame(__u64 frame)
{
	__u64 headers = user_word(frame), begin = user_word(headers);

	if ((begin & 0xfe) || ((begin >> 8) & 0xff) != HTTP2_FRAME_HEADERS) /* valid, Type, Flags, -, Length */
		return 0;
	return (__u32)user_word(headers + 8);
}

/*
 * gRPC's server: the goroutine that reads a connection is about to start the one that handles this request. Since gRPC
 * 1.60 a context stands before the frame; where a frame would begin it has no frame's bytes.
 */
static __always_inline int go_grpc_operate_headers(struct pt_regs *regs, struct process_entry *p, struct go_process *go,
						   __u32 tgid)
{
	__u64 g = regs->r14, exchange = 0, reads;
	struct task *task;
	struct task_key key;
	__u32 stream;

	if (!go_registers_agree(go, g) || !go_is_certain(go))
		return 0;
	key = goroutine_key(tgid, go, user_word(g + go->g_goid));
	task = key.goroutine ? task_get(key) : NULL;
	if (!task)
		return 0;
	stream = stream_of_frame(regs->bx);
	if (!stream)
		stream = stream_of_frame(regs->di);
	reads = task->reads;
	if (!task_is(task, key))
		return 0;
	if (stream && reads)
		exchange = exchange_of_stream(reads, stream, tgid);
	attribute_goroutine(p, key, exchange, TASK_HANDS_ON);
	return 0;
}

SEC("uprobe")
int on_goroutine(struct pt_regs *regs)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process_entry *p = process_get(tgid);
	__u64 cookie = bpf_get_attach_cookie(regs);
	struct go_process *go;

	if (!p || !p->go)
		return 0;
	go = go_process_get(tgid);
	if (!go || go->program != p->go || go->program != cookie >> 32 || go->refuted)
		return 0;
	switch ((__u32)cookie) {
	case GO_GOROUTINE_BORN:
		return go_born(regs, p, go, tgid);
	case GO_GOROUTINE_ENDS:
		return go_ends(regs, go, tgid);
	case GO_HTTP_ROUND_TRIP:
		return go_round_trip(regs, p, go, tgid);
	case GO_HTTP2_RUN_HANDLER:
		return go_http2_handler(regs, p, go, tgid, HTTP2_SERVER_CONN);
	case GO_HTTP2_INTERNAL_HANDLER:
		return go_http2_handler(regs, p, go, tgid, HTTP2_INTERNAL_CONN);
	case GO_GRPC_NEW_STREAM:
		return go_grpc_new_stream(regs, p, go, tgid);
	case GO_GRPC_WRITE_HEADER:
		return go_grpc_write_header(regs, go, tgid);
	case GO_GRPC_OPERATE_HEADERS:
		return go_grpc_operate_headers(regs, p, go, tgid);
	}
	return 0;
}

#endif
