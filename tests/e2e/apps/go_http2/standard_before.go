// SPDX-License-Identifier: Apache-2.0

//go:build !go1.24

package main

import (
	"net"
	"net/http"
)

func serveStandard(net.Listener, http.Handler) { panic("needs Go 1.24") }

func standardTransport() http.RoundTripper { panic("needs Go 1.24") }
