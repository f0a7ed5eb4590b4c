// SPDX-License-Identifier: Apache-2.0

// go_front BACK_PORT HOW: a net/http server whose handlers call the back service with net/http's client and wait.
//
//	direct    on the handler's goroutine
//	child     on a goroutine started for it
//	parallel  three at once, each on its own goroutine
//	errgroup  two at once, by golang.org/x/sync/errgroup
//	depth     on a goroutine of a goroutine of a goroutine
//	short     direct, a new connection for each call
//	pool      on one of eight workers that were there before
//	lazy      on a worker that is started when none is idle, and stays
//	shared    on a goroutine of a function that starts all of them; request 350 lasts, and its goroutine stays and works for others
//	late      direct, and a goroutine calls once more after the answer, when the next request may run on the connection
//	leaf      calls nobody
//	parent    starts itself with `direct`, twice, and waits: each prints its port
//	tls       direct, HTTPS on both sides; every fourth answer is written with more or less of a new stack in use;
//	          tls-leaf answers it, tls-load COUNT asks it and prints how many answers were good
//	tls2      the same by HTTP/2; tls2-leaf, tls2-load COUNT
//	raw       no net/http: the handler is a loop over a net.Conn, and so is the client
//
// GET /become?how=HOW changes how from then on.
//
// GET /loop answers with the port of an event loop: see there.
//
// GET /exec lets the program execute itself with `direct` after the answer; the new one prints its port.
//
// GC=1 in the environment keeps the garbage collector and the growth of stacks busy.
package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

var (
	back   string
	scheme = "http"
	client = &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}}
	jobs   = make(chan func())
	loops  = make(chan net.Listener)
)

func call(id, number string) {
	response, err := client.Get(scheme + "://" + back + "/leaf?id=" + id + "&call=" + number)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

// Uses more stack than a new goroutine has: it moves while the call is under way.
func deep(n int, then func()) {
	var room [512]byte
	if n > 0 {
		deep(n-1, then)
	} else {
		then()
	}
	runtime.KeepAlive(room)
}

// Few bytes of stack for each n.
//
//go:noinline
func shallow(n int, then func()) int {
	if n > 0 {
		return shallow(n-1, then) + 1
	}
	then()
	return 0
}

func wait(n int, start func(i int, done func())) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		start(i, group.Done)
	}
	group.Wait()
}

// A worker is started when none is idle, inside a request, and serves others afterwards.
func lazily(job func()) {
	select {
	case jobs <- job:
	default:
		go func() {
			job()
			for next := range jobs {
				next()
			}
		}()
	}
}

func start(work func()) {
	go func() { work() }()
}

func handle(how, id string) {
	switch how {
	case "leaf", "tls-leaf", "tls2-leaf":
	case "child":
		wait(1, func(_ int, done func()) { go func() { defer done(); deep(4, func() { call(id, "0") }) }() })
	case "parallel":
		wait(3, func(i int, done func()) { go func() { defer done(); call(id, fmt.Sprint(i)) }() })
	case "errgroup":
		group, _ := errgroup.WithContext(context.Background())
		for _, number := range []string{"0", "1"} {
			number := number
			group.Go(func() error { call(id, number); return nil })
		}
		group.Wait()
	case "depth":
		wait(1, func(_ int, done func()) {
			go func() {
				defer done()
				wait(1, func(_ int, done func()) {
					go func() {
						defer done()
						wait(1, func(_ int, done func()) { go func() { defer done(); call(id, "0") }() })
					}()
				})
			}()
		})
	case "pool":
		wait(1, func(_ int, done func()) { jobs <- func() { defer done(); call(id, "0") } })
	case "lazy":
		wait(1, func(_ int, done func()) { lazily(func() { defer done(); call(id, "0") }) })
	case "shared":
		wait(1, func(_ int, done func()) {
			work := func() { defer done(); call(id, "0") }
			select {
			case jobs <- work:
			default:
				start(func() {
					work()
					for id == "350" {
						(<-jobs)()
					}
				})
			}
		})
		if id == "350" {
			time.Sleep(300 * time.Millisecond)
		}
	case "late":
		call(id, "0")
		go func() { time.Sleep(2 * time.Millisecond); call(id, "late") }()
	default:
		call(id, "0")
	}
}

// A server and a client without net/http: one goroutine reads the request, calls and answers.
func raw(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			backConn, err := net.Dial("tcp", back)
			if err != nil {
				panic(err)
			}
			defer backConn.Close()
			requests, answers := bufio.NewReader(conn), bufio.NewReader(backConn)
			for {
				request, err := http.ReadRequest(requests)
				if err != nil {
					return
				}
				fmt.Fprintf(backConn, "GET /leaf?id=%s&call=0 HTTP/1.1\r\nHost: back\r\n\r\n", request.URL.Query().Get("id"))
				answer, err := http.ReadResponse(answers, nil)
				if err != nil {
					return
				}
				io.Copy(io.Discard, answer.Body)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfront")
			}
		}()
	}
}

// One goroutine for several connections: it reads a request on the first and leaves it, serves two on a second that is
// closed then, reads one on a third, and only now calls for the first one.
func loop(listener net.Listener) {
	backConn, err := net.Dial("tcp", back)
	if err != nil {
		panic(err)
	}
	defer backConn.Close()
	accept := func() (net.Conn, *bufio.Reader) {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		return conn, bufio.NewReader(conn)
	}
	read := func(requests *bufio.Reader) (string, error) {
		request, err := http.ReadRequest(requests)
		if err != nil {
			return "", err
		}
		return request.URL.Query().Get("id"), nil
	}
	answer := func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nloop") }
	first, requests := accept()
	id, err := read(requests)
	if err != nil {
		panic(err)
	}
	second, requests := accept()
	for _, err = read(requests); err == nil; _, err = read(requests) {
		answer(second)
	}
	second.Close()
	third, requests := accept()
	read(requests)
	fmt.Fprintf(backConn, "GET /leaf?id=%s&call=loop HTTP/1.1\r\nHost: back\r\n\r\n", id)
	response, err := http.ReadResponse(bufio.NewReader(backConn), nil)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, response.Body)
	answer(third)
	answer(first)
}

// Writes by itself, and nothing has made the stack grow before. In pieces: a head that is seen twice in part is none.
func answerFrom(depth int, answer http.Hijacker) {
	conn, _, err := answer.Hijack()
	if err != nil {
		panic(err)
	}
	for _, part := range []string{"HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\nConnection: close\r\n\r\nfront"} {
		text := []byte(part)
		wait(1, func(_ int, done func()) {
			go func() { defer done(); shallow(depth, func() { conn.Write(text) }) }()
		})
	}
	conn.Close()
}

// A certificate of its own, for as long as the program runs.
func encrypted(listener net.Listener, protocols ...string) net.Listener {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.NewListener(listener, &tls.Config{NextProtos: protocols, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}})
}

// Requests for the ids from 1, sixteen at once.
func tlsLoad(count int) {
	var next, good int64
	wait(16, func(_ int, done func()) {
		go func() {
			defer done()
			for id := atomic.AddInt64(&next, 1); id <= int64(count); id = atomic.AddInt64(&next, 1) {
				response, err := client.Get("https://" + back + "/work?id=" + strconv.FormatInt(id, 10))
				if err != nil {
					continue
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if string(body) == "front" {
					atomic.AddInt64(&good, 1)
				}
			}
		}()
	})
	fmt.Println(good)
}

func parent() {
	wait(2, func(_ int, done func()) {
		child := exec.Command("/proc/self/exe", os.Args[1], "direct")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		go func() { defer done(); child.Wait() }()
	})
}

func executeAgain() {
	time.Sleep(10 * time.Millisecond)
	panic(syscall.Exec("/proc/self/exe", []string{os.Args[0], os.Args[1], "direct"}, os.Environ()))
}

func main() {
	back = "127.0.0.1:" + os.Args[1]
	how := os.Args[2]
	if how == "parent" {
		parent()
		return
	}
	if strings.HasPrefix(how, "tls") {
		scheme = "https"
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = strings.HasPrefix(how, "tls2")
	}
	if strings.HasSuffix(how, "-load") {
		count, _ := strconv.Atoi(os.Args[3])
		tlsLoad(count)
		return
	}
	if how == "short" {
		client.Transport.(*http.Transport).DisableKeepAlives = true
	}
	if how == "pool" {
		for i := 0; i < 8; i++ {
			go func() {
				for job := range jobs {
					job()
				}
			}()
		}
	}
	if os.Getenv("GC") != "" {
		go func() {
			for {
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
		}()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if strings.HasPrefix(how, "tls2") {
		listener = encrypted(listener, "h2")
	} else if scheme == "https" {
		listener = encrypted(listener)
	}
	if how == "raw" {
		raw(listener)
		return
	}
	go func() {
		for listener := range loops {
			loop(listener)
		}
	}()
	var now atomic.Value
	now.Store(how)
	http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/exec" {
			go executeAgain()
			return
		}
		if request.URL.Path == "/loop" {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			loops <- listener
			fmt.Fprint(answer, listener.Addr().(*net.TCPAddr).Port)
			return
		}
		query, _ := url.ParseQuery(request.URL.RawQuery)
		if request.URL.Path == "/become" {
			now.Store(query.Get("how"))
			return
		}
		how, id := now.Load().(string), query.Get("id")
		handle(how, id)
		if number, _ := strconv.Atoi(id); how == "tls" && number%4 == 0 {
			answerFrom(number/4%256, answer.(http.Hijacker))
			return
		}
		io.WriteString(answer, "front")
	}))
}
