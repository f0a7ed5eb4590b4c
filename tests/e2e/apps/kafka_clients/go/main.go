// SPDX-License-Identifier: Apache-2.0
// clients LIBRARY SERVERS TOPIC: as server.py, with confluent-kafka-go (librdkafka, linked in) or kafka-go.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	segmentio "github.com/segmentio/kafka-go"
)

type producer interface {
	produce(value, id string) error
	flush()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type confluent struct {
	client *kafka.Producer
	topic  string
}

func newConfluent(servers, topic string) producer {
	client, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers, "linger.ms": 0, "batch.num.messages": 1})
	check(err)
	go func() {
		for range client.Events() {
		}
	}()
	return confluent{client, topic}
}

func (c confluent) produce(value, id string) error {
	return c.client.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &c.topic, Partition: kafka.PartitionAny},
		Key: []byte("key"), Value: []byte(value), Headers: []kafka.Header{{Key: "id", Value: []byte(id)}}}, nil)
}

func (c confluent) flush() { c.client.Flush(60000) }

// Waits for its records, as this library's writers do.
type writer struct {
	*segmentio.Writer
	each int
}

func newWriter(each int) func(string, string) producer {
	return func(servers, topic string) producer {
		return writer{&segmentio.Writer{Addr: segmentio.TCP(servers), Topic: topic, BatchSize: each, Balancer: &segmentio.Hash{},
			RequiredAcks: segmentio.RequireOne}, each}
	}
}

func (w writer) produce(value, id string) error {
	var messages []segmentio.Message
	for i := 0; i < w.each; i++ {
		messages = append(messages, segmentio.Message{Key: []byte("key"), Value: []byte(value + strings.Repeat("+", i)),
			Headers: []segmentio.Header{{Key: "id", Value: []byte(id)}}})
	}
	return w.WriteMessages(context.Background(), messages...)
}

func (w writer) flush() {}

func main() {
	kinds := map[string]func(string, string) producer{"confluent": newConfluent, "segmentio": newWriter(1), "segmentio-pair": newWriter(2)}
	p := kinds[os.Args[1]](os.Args[2], os.Args[3])
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.URL.Path == "/produce" {
			check(p.produce(query.Get("value"), query.Get("id")))
		}
		if r.URL.Path == "/flush" || query.Has("wait") {
			p.flush()
		}
		w.Write([]byte("done"))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	check(http.Serve(listener, nil))
}
