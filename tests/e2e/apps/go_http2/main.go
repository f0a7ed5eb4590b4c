// SPDX-License-Identifier: Apache-2.0

// go_http2: services over HTTP/2 without encryption, by gRPC and by net/http's own.
//
//	back                               answers both; prints its port for each, and one for GET /records (HTTP/1.1)
//	front SERVED CALLED HOW BACK_PORT  prints its port; calls the back once or more for each request
//	load SERVED PORT HOW COUNT AT_ONCE FIRST [WHO]  sends COUNT requests, each with a context that spells its id; prints how
//	                                   many were answered by WHO (front)
//
// SERVED and CALLED: grpc, http2 (net/http, since Go 1.24) or xnet (golang.org/x/net). HOW:
//
//	direct    on the handler's goroutine
//	child     on a goroutine started for it
//	parallel  three at once, each on its own goroutine
//	stream    gRPC: a stream both ways with ten messages, on both sides
//	workers   gRPC: by the server's pool of workers
//	late      direct, and a goroutine calls once more after the answer
//	pool      on one of eight workers that were there before
//
// TLS=1 in the environment: gRPC is encrypted, over a connection that the first call opens, and each call says the number of
// its request as x-id beside it.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
)

var encrypted = os.Getenv("TLS") != ""

// Of its own, for as long as the program runs.
func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	bytes, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{bytes}, PrivateKey: key}
}

// Messages are bytes.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error { *v.(*[]byte) = append([]byte(nil), data...); return nil }
func (raw) Name() string                               { return "raw" }

// One request: what it says, and the traceparent that came along.
type service func(ctx context.Context, id, traceparent string) string

func traceparent(ctx context.Context) string {
	values, _ := metadata.FromIncomingContext(ctx)
	if found := values.Get("traceparent"); len(found) > 0 {
		return found[0]
	}
	return ""
}

var bothWays = grpc.StreamDesc{StreamName: "Stream", ClientStreams: true, ServerStreams: true}

func serveGrpc(listener net.Listener, serve service, options ...grpc.ServerOption) {
	if encrypted {
		options = append(options, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{certificate()}})))
	}
	server := grpc.NewServer(options...)
	unary := func(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
		var in []byte
		if err := decode(&in); err != nil {
			return nil, err
		}
		out := []byte(serve(ctx, string(in), traceparent(ctx)))
		return &out, nil
	}
	// The first message is the request, and each is answered.
	stream := func(_ interface{}, stream grpc.ServerStream) error {
		var in, out []byte
		for n := 0; ; n++ {
			if err := stream.RecvMsg(&in); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if n == 0 {
				out = []byte(serve(stream.Context(), string(in), traceparent(stream.Context())))
			}
			if err := stream.SendMsg(&out); err != nil {
				return err
			}
		}
	}
	description := grpc.ServiceDesc{ServiceName: "weft.Test", HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", Handler: stream, ClientStreams: true, ServerStreams: true}}}
	server.RegisterService(&description, struct{}{})
	panic(server.Serve(listener))
}

func handler(serve service) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		id, _ := io.ReadAll(request.Body)
		io.WriteString(answer, serve(request.Context(), string(id), request.Header.Get("traceparent")))
	})
}

// How to call: what to say, and the traceparent to send ("" = none).
type caller func(how, id, traceparent string) (string, error)

func grpcCaller(address string) caller {
	security := insecure.NewCredentials()
	if encrypted {
		security = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	var connection *grpc.ClientConn
	var once sync.Once
	connect := func() {
		var err error
		connection, err = grpc.Dial(address, grpc.WithTransportCredentials(security), grpc.WithDefaultCallOptions(grpc.CallContentSubtype("raw")))
		if err != nil {
			panic(err)
		}
	}
	if !encrypted {
		once.Do(connect)
	}
	return func(how, id, traceparent string) (string, error) {
		once.Do(connect)
		ctx, in, out := context.Background(), []byte(id), []byte(nil)
		if encrypted {
			number, _, _ := strings.Cut(id, "/")
			ctx = metadata.AppendToOutgoingContext(ctx, "x-id", number)
		}
		if traceparent != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", traceparent)
		}
		if how != "stream" {
			err := connection.Invoke(ctx, "/weft.Test/Unary", &in, &out)
			return string(out), err
		}
		stream, err := connection.NewStream(ctx, &bothWays, "/weft.Test/Stream")
		if err != nil {
			return "", err
		}
		for i := 0; i < 10; i++ {
			if err := stream.SendMsg(&in); err != nil {
				return "", err
			}
			if err := stream.RecvMsg(&out); err != nil {
				return "", err
			}
		}
		stream.CloseSend()
		if err := stream.RecvMsg(&out); err != io.EOF {
			return "", fmt.Errorf("more than ten messages: %v", err)
		}
		return string(out), nil
	}
}

func httpCaller(address string, transport http.RoundTripper) caller {
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	return func(_, id, traceparent string) (string, error) {
		number, _, _ := strings.Cut(id, "/")
		request, _ := http.NewRequest("POST", "http://"+address+"/work?id="+number, bytes.NewReader([]byte(id)))
		if traceparent != "" {
			request.Header.Set("traceparent", traceparent)
		}
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
}

func callerFor(kind, address string) caller {
	switch kind {
	case "http2":
		return httpCaller(address, standardTransport())
	case "xnet":
		return httpCaller(address, xnetTransport())
	}
	return grpcCaller(address)
}

func serveAs(kind string, listener net.Listener, serve service, options ...grpc.ServerOption) {
	switch kind {
	case "http2":
		serveStandard(listener, handler(serve))
	case "xnet":
		serveXnet(listener, handler(serve))
	default:
		serveGrpc(listener, serve, options...)
	}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return listener
}

// Notes what each call says and brings: ID or ID/CALL.
func back() {
	var mutex sync.Mutex
	var lines bytes.Buffer
	note := func(_ context.Context, said, traceparent string) string {
		id, call := said, "0"
		for i := range said {
			if said[i] == '/' {
				id, call = said[:i], said[i+1:]
			}
		}
		line, _ := json.Marshal(map[string]string{"id": id, "call": call, "traceparent": traceparent})
		mutex.Lock()
		defer mutex.Unlock()
		lines.Write(append(line, '\n'))
		return "back"
	}
	go serveGrpc(listen(), note)
	go serveXnet(listen(), handler(note))
	http.Serve(listen(), http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		answer.Write(lines.Bytes())
	}))
}

func wait(n int, start func(i int, done func())) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		start(i, group.Done)
	}
	group.Wait()
}

func front(served, called, how, backPort string) {
	var options []grpc.ServerOption
	if how == "workers" {
		options = append(options, grpc.NumStreamWorkers(4))
	}
	ask := callerFor(called, "127.0.0.1:"+backPort)
	call := func(said string) {
		if answer, err := ask(how, said, ""); err != nil || answer != "back" {
			panic(fmt.Sprint(answer, err))
		}
	}
	jobs := make(chan func())
	if how == "pool" {
		for i := 0; i < 8; i++ {
			go func() {
				for job := range jobs {
					job()
				}
			}()
		}
	}
	serveAs(served, listen(), func(_ context.Context, id, _ string) string {
		switch how {
		case "child":
			wait(1, func(_ int, done func()) { go func() { defer done(); call(id) }() })
		case "parallel":
			wait(3, func(i int, done func()) { go func() { defer done(); call(id + "/" + strconv.Itoa(i)) }() })
		case "pool":
			wait(1, func(_ int, done func()) { jobs <- func() { defer done(); call(id) } })
		case "late":
			call(id)
			go func() { time.Sleep(2 * time.Millisecond); call(id + "/late") }()
		default:
			call(id)
		}
		return "front"
	}, options...)
}

func load(served, port, how string, count, atOnce, first int) {
	ask := callerFor(served, "127.0.0.1:"+port)
	var next, good int64
	wanted := "front"
	if len(os.Args) > 8 {
		wanted = os.Args[8]
	}
	wait(atOnce, func(_ int, done func()) {
		go func() {
			defer done()
			for n := atomic.AddInt64(&next, 1); n <= int64(count); n = atomic.AddInt64(&next, 1) {
				id := int64(first) + n - 1
				if answer, err := ask(how, strconv.FormatInt(id, 10), fmt.Sprintf("00-7e57%028x-00f0%012x-01", id, id)); err == nil && answer == wanted {
					atomic.AddInt64(&good, 1)
				} else {
					fmt.Fprintln(os.Stderr, answer, err)
				}
			}
		}()
	})
	fmt.Println(good)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func main() {
	encoding.RegisterCodec(raw{})
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "back":
		back()
	case "front":
		front(arguments[0], arguments[1], arguments[2], arguments[3])
	case "load":
		load(arguments[0], arguments[1], arguments[2], number(arguments[3]), number(arguments[4]), number(arguments[5]))
	}
}
