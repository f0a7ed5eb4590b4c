/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Where probes are in OpenSSL: the cookie of each; above it, at a return, openssl_above. Both of 1.1 and 3, and of
 * BoringSSL, whose names are the same. */
#ifndef WEFT_WIRE_OPENSSL_H
#define WEFT_WIRE_OPENSSL_H

#include "wire/port.h"

enum openssl_site {
	OPENSSL_CONNECT_STATE = 1, /* SSL_set_connect_state: no handshake of a client goes by it */
	OPENSSL_ACCEPT_STATE,	   /* SSL_set_accept_state: nor one of a server */
	OPENSSL_CLEAR,	/* SSL_clear: the object's next connection has the role of the one before; also where it begins
			 */
	OPENSSL_FREE,	/* SSL_free */
	OPENSSL_UNSEEN, /* SSL_sendfile: bytes that are not seen */
	OPENSSL_HANDSHAKE, /* SSL_do_handshake, which ends in another function: its return is not seen */
	OPENSSL_READ,	   /* SSL_read: (object, buffer, size) gives the number of bytes; also its return */
	OPENSSL_READ_EX,   /* SSL_read_ex: (object, buffer, size, number *) gives 1, or more */
	OPENSSL_WRITE,	   /* SSL_write: as SSL_read */
	OPENSSL_WRITE_EX,  /* SSL_write_ex: as SSL_read_ex */
	OPENSSL_WRITE_EX2, /* SSL_write_ex2: (object, buffer, size, flags, number *) */
};

/* Key of the connections that are encrypted. */
struct openssl_object {
	__u64 address; /* of the SSL */
	__u32 tgid;
	__u32 reserved;
};

struct openssl_session {
	__u64 socket;	  /* 0: it is not known yet which one carries it */
	__u64 connection; /* the id of its state in tls_connections; 0: it has none yet */
	__u32 generation; /* of the process's tracing */
	__u8 role;
	__u8 nonblocking; /* its socket, when it was last used */
	__u8 lost;	  /* bytes went by unseen: its messages cannot be framed any more */
	__u8 used;	  /* a call of it was seen */
	__u8 reading;	  /* it is in a call that reads, whose return was not seen yet */
	__u8 writing;
	__u8 waits; /* its last call that writes could not */
	__u8 reserved[5];
};

/*
 * So many bytes is the stack pointer above what it was where the call began. What returns elsewhere is not the call
 * that was seen to begin: that one was left by an exception, or goes on with another stack.
 */
static __always_inline __u32 openssl_above(__u64 cookie)
{
	return cookie >> 32;
}

#endif
