/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * One program for all libraries whose calls move plaintext: each copy of what follows the bytes takes a megabyte of the
 * kernel's memory.
 */
#ifndef WEFT_PROGRAMS_TLS_PROBE_H
#define WEFT_PROGRAMS_TLS_PROBE_H

#include "programs/go_tls.h"
#include "programs/openssl.h"

SEC("uprobe")
int on_tls(struct pt_regs *regs)
{
	struct process_entry *p = process_get(bpf_get_current_pid_tgid() >> 32);
	struct tls_call *call = p ? tls_call_create(bpf_get_current_pid_tgid()) : NULL;
	__u64 cookie = bpf_get_attach_cookie(regs);
	bool outgoing = (__u32)cookie >= OPENSSL_WRITE;

	if (!p)
		return 0;
	if (p->go) {
		if ((__u32)cookie != GO_TLS_READ && go_begins_again(regs))
			return 0;
		if (call) {
			call->base = regs->bx;
			call->bytes = regs->cx;
		}
		if (!go_tls_moves(call, p, cookie, regs->ax, regs->sp) || !call)
			return 0;
		outgoing = (__u32)cookie == GO_TLS_WRITE;
	} else if (!call || !openssl_call_ends(call, p, cookie, regs->ax, regs->sp)) {
		return 0;
	}
	return tls_moved(p, call, outgoing);
}

#endif
