// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	segmentio "github.com/segmentio/kafka-go"
)

// A call of WriteMessages waits for its records, so what there is goes when it is told to flush.
type writer struct {
	*segmentio.Writer
	servers           string
	waiting           []segmentio.Message
	delivered, failed int
}

func newSegmentio(servers, how string) producer {
	w := &segmentio.Writer{Addr: segmentio.TCP(servers), BatchSize: 1000, BatchTimeout: 5 * time.Millisecond, BatchBytes: 3 << 20,
		RequiredAcks: segmentio.RequireAll, Balancer: segmentio.BalancerFunc(func(m segmentio.Message, _ ...int) int {
			return m.WriterData.(int)
		})}
	if how != "plain" {
		check(w.Compression.UnmarshalText([]byte(how)))
	}
	return &writer{Writer: w, servers: servers}
}

// Makes the topic by asking for it: a Writer fails while it is made.
func (w *writer) wait(topic string) {
	for {
		conn, err := segmentio.Dial("tcp", w.servers)
		check(err)
		partitions, err := conn.ReadPartitions(topic)
		conn.Close()
		if err == nil && len(partitions) > 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (w *writer) send(topic string, r record) {
	out := segmentio.Message{Topic: topic, Time: r.timestamp, Key: r.key, Value: r.value, WriterData: int(r.partition)}
	for _, h := range r.headers {
		out.Headers = append(out.Headers, segmentio.Header{Key: h.name, Value: h.value})
	}
	w.waiting = append(w.waiting, out)
}

func (w *writer) flush() (int, int) {
	if len(w.waiting) > 0 {
		if w.delivered == 0 {
			w.wait(w.waiting[0].Topic)
		}
		if err := w.WriteMessages(context.Background(), w.waiting...); err != nil {
			fmt.Fprintln(os.Stderr, "not delivered:", err)
			w.failed += len(w.waiting)
		} else {
			w.delivered += len(w.waiting)
		}
	}
	w.waiting = nil
	return w.delivered, w.failed
}

func (w *writer) begin() { check(fmt.Errorf("no transactions here")) }

func (w *writer) end(bool) {}
