/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Who works on which request, and what the agent tells the kernel programs of a Go program and they find out. One
 * definition for both compilers.
 */
#ifndef WEFT_WIRE_GO_H
#define WEFT_WIRE_GO_H

#include "wire/settings.h"

/* Who works: a thread, or a goroutine. */
struct task_key {
	__u64 owner;	 /* tgid << 32 | tid; of a goroutine tgid << 32 | go_process.program */
	__u64 goroutine; /* its number (goid, never used again within a run); 0: a thread */
};

#define TASK_LOOP (1u << 0)	/* runs an event loop: never attributed by task */
#define TASK_HANDS_ON (1u << 1) /* reads requests for others: current is what a START_SITE_HANDLER is born with */
#define TASK_BRIEF (1u << 2)	/* goroutine: its end will not be seen, so it is forgotten with the request it serves */
#define TASK_KEPT (1u << 3)	/* … or with the connection whose requests it reads, one after the other */
#define TASK_TOLD (1u << 4)	/* thread: a library says what it serves; what it reads is anybody's */

/* A goroutine whose number cannot be read: nothing is ever found under it. */
#define GOROUTINE_UNKNOWN (~0ULL)

struct task {
	__u64 current; /* exchange id; dead as soon as the exchange is gone from `exchanges`: believe it after
			  exchange_get only */
	__u64 birth;   /* exchange id that was current where this task was started; 0 once it serves by itself */
	__u64 site;    /* goroutine: address of the function it was started with */
	__u64 reads;   /* goroutine: id of the HTTP/2 connection whose requests it reads */
	__u16 flags;
	__u16 acts; /* how often it has sent something or started a task inside its birth exchange, INHERIT_ACTS at most
		     */
	__u32 mark; /* task_mark of its key */
};

#define GO_NO_FIELD 0xffffu

/* Where the fields lie that are read in the program's memory, and what was learned of this run of it. */
struct go_process {
	__u32 program;	/* number of this run of a program; never used again */
	__u32 unproven; /* the offsets are a guess: attributed only after GO_PROOFS goroutines bore it out */
	__u16 g_m;
	__u16 g_goid;
	__u16 g_parent_goid; /* GO_NO_FIELD: before Go 1.21 */
	__u16 g_startpc;
	__u16 m_curg;
	__u16 persist_conn_conn;
	__u32 proofs;
	__u64 tcp_write;     /* address of (*net.TCPConn).Write; 0: not in the program */
	__u32 refuted;	     /* what was read there is no goroutine: nothing is attributed any more */
	__u32 sites_learned; /* start sites whose goroutines inherit … */
	__u32 sites_off;     /* … and those that never will */
	__u32 tls_read_conn; /* where (*crypto/tls.Conn).Read keeps its Conn, from the stack pointer */
	__u64 tls_write;     /* address of (*crypto/tls.Conn).Write; 0: not in the program */
	__u64 h2c_write;     /* … of (*golang.org/x/net/http2/h2c.bufConn).Write, likewise */
	__s64 running_g;     /* where a thread keeps the address of the running g, from the FS base */
	__u32 births;	     /* goroutines that were noted when they were born … */
	__u32 idle_births;   /* … and that were not: nothing passes to them */
	__u64 tcp_itab;	     /* in an interface before its value: this one is a *net.TCPConn; 0: not known yet */
};
WIRE_ASSERT(sizeof(struct go_process) == 88, "go_process layout");

/*
 * Where it is noted whom the next request on a client connection is sent for: see maps/go.h. A place may be given back
 * and taken for another connection while somebody still writes to it: the two words say the same of one connection, or
 * nothing.
 */
struct go_place {
	__u64 connection_id; /* 0: free */
	__u64 send;	     /* attribution << 48 | exchange_id … */
	__u64 again;	     /* … ^ a seal of connection_id */
	__u64 reserved;
};

/* Under what it is noted for whom a request of gRPC is sent: see maps/go.h. */
struct go_stream_key {
	struct task_key task; /* the writer's; goroutine: or the address */
	__u32 stream;	      /* 0: by address */
	__u32 reserved;
};

/* Argument of the program that forgets the goroutines of a process which work on no request that is still open. */
struct forget_goroutines_args {
	__u32 tgid;
};

#define GO_PROOFS 16u

/*
 * The cookie of a probe: go_process.program << 32 | enum go_site. The kernel takes its time to end probes, so those of
 * an earlier run may still be there beside the ones of this.
 */
WIRE_INLINE __u64 go_cookie(__u32 program, __u32 site)
{
	return (__u64)program << 32 | site;
}

/* Which place of the program a probe hit. */
enum go_site {
	GO_GOROUTINE_BORN = 1,	 /* the call of runqput in newproc.func1 */
	GO_GOROUTINE_ENDS,	 /* goexit1 */
	GO_HTTP_ROUND_TRIP,	 /* (*net/http.persistConn).roundTrip */
	GO_TLS_CLIENT_HANDSHAKE, /* of (*crypto/tls.Conn): clientHandshake, … */
	GO_TLS_SERVER_HANDSHAKE,
	GO_TLS_WRITE,
	GO_TLS_READ,		   /* the call of memmove in Read */
	GO_HTTP2_RUN_HANDLER,	   /* (*http2serverConn).runHandler: AX its connection, BX the response writer */
	GO_GRPC_NEW_STREAM,	   /* the call of executeAndPut in (*http2Client).NewStream: DI the request's headers */
	GO_GRPC_WRITE_HEADER,	   /* (*loopyWriter).writeHeader: BX the stream's number, DI its header fields */
	GO_GRPC_OPERATE_HEADERS,   /* (*http2Server).operateHeaders: BX or DI the frame, depending on the version */
	GO_HTTP2_INTERNAL_HANDLER, /* of net/http/internal/http2 (Go 1.27): as GO_HTTP2_RUN_HANDLER */
};

/* Where goroutines of one process begin: the function. */
struct start_site_key {
	__u32 program;
	__u32 reserved;
	__u64 address;
};

/* Goroutines of libraries that work for one request and nobody else, from their first instruction to their last. */
enum start_site_kind {
	START_SITE_LEARNED = 0, /* what it is has to be learned */
	START_SITE_SENDER,	/* sends one HTTP/2 request, for whom it was started by */
	START_SITE_HANDLER,	/* handles the request that the goroutine which started it has just read */
};

struct start_site {
	__u32 good_births[INHERIT_ACTS]; /* by how often they had acted before: that many, and that often at least */
	__u32 off;  /* a goroutine from here outlived its exchange and worked on, or the site serves a connection */
	__u32 kind; /* enum start_site_kind */
};

/* Argument of the program that says that the tasks of a process are goroutines, unless it has executed another one. */
struct process_go_args {
	__u32 tgid;
	__u32 program; /* 0: threads again */
	__u32 execs;   /* process_entry.execs when the program was looked at */
	__u32 rests;   /* births and ends of its goroutines are not seen now */
	__u32 result;  /* out: 1 when that is no longer so */
};

#endif
