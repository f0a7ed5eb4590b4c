// SPDX-License-Identifier: Apache-2.0

// go_fasthttp BACK_PORT HOW: a fasthttp server, whose workers read and answer one connection after the other.
//
//	direct    calls the back service by fasthttp's client, on the worker
//	child     on a goroutine started for it
//	parallel  three at once, each on its own goroutine
//	nethttp   by net/http's client, on the worker
//	mixed     by net/http's client, on goroutines
//	short     direct, a new connection for each call
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/valyala/fasthttp"
)

var (
	back     string
	how      string
	fast     = &fasthttp.Client{MaxConnsPerHost: 512}
	standard = &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}}
)

func call(id string, number int) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(fmt.Sprintf("http://%s/leaf?id=%s&call=%d", back, id, number))
	if how == "short" {
		request.SetConnectionClose()
	}
	if err := fast.Do(request, response); err != nil || response.StatusCode() != 200 {
		panic(fmt.Sprint(response.StatusCode(), err))
	}
}

func callStandard(id string, number int) {
	response, err := standard.Get(fmt.Sprintf("http://%s/leaf?id=%s&call=%d", back, id, number))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func wait(n int, work func(i int)) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) { defer group.Done(); work(i) }(i)
	}
	group.Wait()
}

func main() {
	back = "127.0.0.1:" + os.Args[1]
	how = os.Args[2]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(fasthttp.Serve(listener, func(request *fasthttp.RequestCtx) {
		id := string(request.QueryArgs().Peek("id"))
		switch how {
		case "child":
			wait(1, func(i int) { call(id, i) })
		case "parallel":
			wait(3, func(i int) { call(id, i) })
		case "nethttp":
			callStandard(id, 0)
		case "mixed":
			wait(2, func(i int) { callStandard(id, i) })
		default:
			call(id, 0)
		}
		request.WriteString("front")
	}))
}
