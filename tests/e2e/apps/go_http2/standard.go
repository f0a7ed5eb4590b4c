// SPDX-License-Identifier: Apache-2.0

//go:build go1.24

package main

import (
	"net"
	"net/http"
)

func plain() *http.Protocols {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &protocols
}

func serveStandard(listener net.Listener, handler http.Handler) {
	panic((&http.Server{Handler: handler, Protocols: plain()}).Serve(listener))
}

func standardTransport() http.RoundTripper { return &http.Transport{Protocols: plain()} }
