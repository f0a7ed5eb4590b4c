/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What events say of encrypted connections. */
#ifndef WEFT_WIRE_TLS_H
#define WEFT_WIRE_TLS_H

/* request_event.facts: the message was seen before it was encrypted, or after it was decrypted. */
#define REQUEST_ENCRYPTED (1u << 16)

#endif
