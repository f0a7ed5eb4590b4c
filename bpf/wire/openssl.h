/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Where probes are in OpenSSL: the cookie of each. Both of 1.1 and 3, and of BoringSSL, whose names are the same. */
#ifndef WEFT_WIRE_OPENSSL_H
#define WEFT_WIRE_OPENSSL_H

#include "wire/port.h"

enum openssl_site {
	OPENSSL_CONNECT_STATE = 1, /* SSL_set_connect_state: no handshake of a client goes by it */
	OPENSSL_ACCEPT_STATE,	   /* SSL_set_accept_state: nor one of a server */
	OPENSSL_CLEAR,		   /* SSL_clear: the object's next connection has the role of the one before */
	OPENSSL_FREE,		   /* SSL_free */
	OPENSSL_UNSEEN,		   /* SSL_sendfile: bytes that are not seen */
	OPENSSL_HANDSHAKE,	   /* SSL_do_handshake, from here on calls whose return is seen, too */
	OPENSSL_READ,		   /* SSL_read: (object, buffer, size) gives the number of bytes */
	OPENSSL_READ_EX,	   /* SSL_read_ex: (object, buffer, size, number *) gives 1 */
	OPENSSL_WRITE,		   /* SSL_write: as SSL_read */
	OPENSSL_WRITE_EX,	   /* SSL_write_ex: as SSL_read_ex */
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
	__u8 used;	  /* a call of it was seen to its end */
};

#endif
