// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// A server whose requests produce records. CALL is one of the library's ways to do it; "id" says whose the record is.
type caller interface {
	produce(call, value, id string) error
	flush() error
}

type franzCaller struct{ client *kgo.Client }

func (f franzCaller) produce(call, value, id string) error {
	record := &kgo.Record{Key: []byte("key"), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(id)}}}
	if call == "timed" {
		record.Timestamp = time.Now()
	}
	if call == "sync" {
		return f.client.ProduceSync(context.Background(), record).FirstErr()
	}
	f.client.Produce(context.Background(), record, nil)
	return nil
}

func (f franzCaller) flush() error { return f.client.Flush(context.Background()) }

type saramaCaller struct {
	topic    string
	producer sarama.SyncProducer
	async    sarama.AsyncProducer
	waiting  sync.WaitGroup
}

// Makes its bytes when it is asked for them.
type composed struct{ text *string }

func (c composed) Encode() ([]byte, error) { return []byte(*c.text), nil }
func (c composed) Length() int             { return len(*c.text) }

func (s *saramaCaller) produce(call, value, id string) error {
	message := func(value string) *sarama.ProducerMessage {
		return &sarama.ProducerMessage{Topic: s.topic, Key: sarama.StringEncoder("key"), Value: sarama.ByteEncoder(value),
			Headers: []sarama.RecordHeader{{Key: []byte("id"), Value: []byte(id)}}}
	}
	switch call {
	case "batch":
		return s.producer.SendMessages([]*sarama.ProducerMessage{message(value), message(value + "+")})
	case "async":
		s.waiting.Add(1)
		s.async.Input() <- message(value)
		return nil
	case "composed":
		one := message("")
		one.Value = &composed{&value}
		_, _, err := s.producer.SendMessage(one)
		return err
	}
	one := message(value)
	if call == "timed" {
		one.Timestamp = time.Now()
	}
	_, _, err := s.producer.SendMessage(one)
	return err
}

func (s *saramaCaller) flush() error {
	s.waiting.Wait()
	return nil
}

func newCaller(library, servers, topic string, linger time.Duration) caller {
	if library == "franz" {
		client, err := kgo.NewClient(kgo.SeedBrokers(servers), kgo.DefaultProduceTopic(topic), kgo.DisableIdempotentWrite(),
			kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(linger),
			kgo.MaxVersions(kversion.V2_3_0())) // librdkafka's brokers in memory know no later ApiVersions
		check(err)
		return franzCaller{client}
	}
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Return.Successes = true
	config.Producer.Flush.Frequency = linger
	producer, err := sarama.NewSyncProducer([]string{servers}, config)
	check(err)
	async, err := sarama.NewAsyncProducer([]string{servers}, config)
	check(err)
	s := &saramaCaller{topic: topic, producer: producer, async: async}
	go func() {
		for range async.Successes() {
			s.waiting.Done()
		}
	}()
	go func() {
		for failure := range async.Errors() {
			fmt.Fprintln(os.Stderr, failure)
			os.Exit(1)
		}
	}()
	return s
}

// serve LIBRARY SERVERS TOPIC LINGER_MS: prints its port. /CALL?value=TEXT&id=ID, with &how=goroutine in one that it
// waits for, with &wait=yes until it is delivered; /background?value=TEXT&count=N; /flush. As apps/kafka/server.cc.
func serve(arguments []string) {
	linger, err := strconv.Atoi(arguments[3])
	check(err)
	var once sync.Once
	var kafka caller
	handle := func(w http.ResponseWriter, r *http.Request) error {
		once.Do(func() {
			kafka = newCaller(arguments[0], arguments[1], arguments[2], time.Duration(linger)*time.Millisecond)
		})
		call, query := r.URL.Path[1:], r.URL.Query()
		value, id := query.Get("value"), query.Get("id")
		var err error
		switch {
		case call == "flush":
			return kafka.flush()
		case call == "background":
			count, err := strconv.Atoi(query.Get("count"))
			check(err)
			go func() {
				for i := 0; i < count; i++ {
					check(kafka.produce("produce", value, ""))
					time.Sleep(time.Millisecond)
				}
			}()
			return nil
		case query.Get("how") == "goroutine":
			done := make(chan error)
			go func() { done <- kafka.produce(call, value, id) }()
			err = <-done
		default:
			err = kafka.produce(call, value, id)
		}
		if err == nil && query.Get("wait") != "" {
			err = kafka.flush()
		}
		return err
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			w.WriteHeader(500)
			io.WriteString(w, err.Error())
			return
		}
		io.WriteString(w, "done")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	check(http.Serve(listener, nil))
}
