// SPDX-License-Identifier: Apache-2.0

// grpc_go: gRPC of Go, both sides; the same service and options as grpc_peer, which says what they mean.
//
//	serve
//	call port=PORT …
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const sleep = 3 * time.Second

var streams = map[string]grpc.StreamDesc{"Unary": {}, "Up": {ClientStreams: true}, "Down": {ServerStreams: true},
	"Both": {ClientStreams: true, ServerStreams: true}}

func metadataText(values metadata.MD) string {
	var names []string
	for name := range values {
		if name[0] != ':' && name != "user-agent" && name != "accept-encoding" && name != "content-type" && !strings.HasPrefix(name, "grpc-") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	text := ""
	for _, name := range names {
		for _, value := range values[name] {
			text += name + "=" + hex.EncodeToString([]byte(value)) + "\n"
		}
	}
	return text
}

func first(values metadata.MD, name string) string {
	if found := values.Get(name); len(found) > 0 {
		return found[0]
	}
	return ""
}

func answer(_ interface{}, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	kind := method[strings.LastIndex(method, "/")+1:]
	bytes := 0
	for {
		var in wrapperspb.BytesValue
		if err := stream.RecvMsg(&in); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		bytes += len(in.Value)
		for i := 0; i < map[string]int{"Unary": 1, "Both": 1, "Down": 10}[kind]; i++ {
			stream.SendMsg(&in)
		}
	}
	if kind == "Up" {
		stream.SendMsg(wrapperspb.Bytes([]byte(strconv.Itoa(bytes))))
	}
	values, _ := metadata.FromIncomingContext(stream.Context())
	if first(values, "work") == "sleep" {
		select {
		case <-stream.Context().Done():
		case <-time.After(sleep):
		}
	}
	from, _ := peer.FromContext(stream.Context())
	stream.SetTrailer(metadata.Pairs("seen-bin", metadataText(values), "peer", from.Addr.String()))
	if first(values, "work") == "fail" {
		return status.Error(codes.InvalidArgument, "not this")
	}
	return nil
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(grpc.NewServer(grpc.UnknownServiceHandler(answer), grpc.MaxRecvMsgSize(64<<20)).Serve(listener))
}

type options map[string]string

func (o options) number(name string, otherwise int) int {
	if text, is := o[name]; is {
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		return n
	}
	return otherwise
}

func (o options) text(name, otherwise string) string {
	if text, is := o[name]; is {
		return text
	}
	return otherwise
}

func sent(o options, id int) metadata.MD {
	binary := make([]byte, id%50)
	for i := range binary {
		binary[i] = byte(i * id)
	}
	values := metadata.Pairs("call-id", strconv.Itoa(id), "zz-text", strings.Repeat("z", id%97)+strconv.Itoa(id*7),
		"two", "first", "two", "second", "data-bin", string(binary))
	if o["work"] != "" {
		values.Append("work", o["work"])
	}
	if o["own"] == "1" {
		values.Append("traceparent", fmt.Sprintf("00-7e57%028x-00f0%012x-01", id, id))
	}
	return values
}

// Messages and bytes received, trailing metadata and how it ended.
func call(connection *grpc.ClientConn, o options, ctx context.Context, cancel func(), id int) (messages, bytes int, trailer metadata.MD, err error) {
	kind := o.text("kind", "Unary")
	shape := streams[kind]
	stream, err := connection.NewStream(ctx, &shape, "/weft.test.Peer/"+kind)
	if err != nil {
		return 0, 0, nil, err
	}
	count := 1
	if shape.ClientStreams {
		count = o.number("messages", 10)
	}
	message := wrapperspb.Bytes([]byte(strings.Repeat(string(rune('a'+id%26)), o.number("bytes", 10))))
	for i := 0; i < count && stream.SendMsg(message) == nil; i++ {
	}
	stream.CloseSend()
	for {
		var in wrapperspb.BytesValue
		if err = stream.RecvMsg(&in); err != nil {
			break
		}
		messages++
		bytes += len(in.Value)
		if o["cancel"] == "1" {
			cancel()
		}
		if !shape.ServerStreams {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	return messages, bytes, stream.Trailer(), err
}

func client(o options) {
	connection, err := grpc.NewClient("127.0.0.1:"+o["port"], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		panic(err)
	}
	next, end := int64(o.number("first", 1)-1), int64(o.number("first", 1)+o.number("count", 1))
	var group sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < o.number("at_once", 1); i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for id := atomic.AddInt64(&next, 1); id < end; id = atomic.AddInt64(&next, 1) {
				values := sent(o, int(id))
				ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(context.Background(), values))
				if limit := o.number("deadline_ms", 0); limit > 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(limit)*time.Millisecond)
				}
				messages, bytes, trailer, err := call(connection, o, ctx, cancel, int(id))
				line, _ := json.Marshal(map[string]interface{}{"id": strconv.Itoa(int(id)), "code": int(status.Code(err)),
					"why": fmt.Sprint(err), "sent": metadataText(values), "seen": first(trailer, "seen-bin"), "back_seen": "",
					"peer": first(trailer, "peer"), "messages": messages, "bytes": bytes})
				lock.Lock()
				fmt.Println(string(line))
				lock.Unlock()
				cancel()
				time.Sleep(time.Duration(o.number("pause_ms", 0)) * time.Millisecond)
			}
		}()
	}
	group.Wait()
	// A call that is given up is over for its caller before that has been sent: it has when a later one is answered.
	call(connection, options{}, context.Background(), func() {}, 0)
}

func main() {
	o := options{}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		o[name] = value
	}
	if os.Args[1] == "serve" {
		serve()
	}
	client(o)
}
