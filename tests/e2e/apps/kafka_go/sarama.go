// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"os"

	"github.com/IBM/sarama"
)

type saramaProducer struct {
	producer                sarama.AsyncProducer
	sent, delivered, failed int
	results                 chan error
}

func newSarama(servers, how string) producer {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	config.Producer.MaxMessageBytes = 1_100_000
	config.Net.MaxOpenRequests = 1
	config.Producer.Retry.Max, config.Metadata.Retry.Max = 300, 300 // a broker may be away for half a minute
	switch how {
	case "plain":
	case "transactional":
		config.Producer.Transaction.ID = "sarama"
		fallthrough
	case "idempotent":
		config.Producer.Idempotent = true
	default:
		check(config.Producer.Compression.UnmarshalText([]byte(how)))
	}
	client, err := sarama.NewAsyncProducer([]string{servers}, config)
	check(err)
	s := &saramaProducer{producer: client, results: make(chan error, 1<<16)}
	go func() {
		for range client.Successes() {
			s.results <- nil
		}
	}()
	go func() {
		for failure := range client.Errors() {
			s.results <- failure.Err
		}
	}()
	return s
}

func encoder(data []byte) sarama.Encoder {
	if data == nil {
		return nil
	}
	return sarama.ByteEncoder(data)
}

func (s *saramaProducer) send(topic string, r record) {
	message := &sarama.ProducerMessage{Topic: topic, Partition: r.partition, Timestamp: r.timestamp, Key: encoder(r.key),
		Value: encoder(r.value)}
	for _, h := range r.headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.name), Value: h.value})
	}
	s.producer.Input() <- message
	s.sent++
}

func (s *saramaProducer) flush() (int, int) {
	for s.delivered+s.failed < s.sent {
		if err := <-s.results; err != nil {
			fmt.Fprintln(os.Stderr, "not delivered:", err)
			s.failed++
		} else {
			s.delivered++
		}
	}
	return s.delivered, s.failed
}

func (s *saramaProducer) begin() { check(s.producer.BeginTxn()) }

func (s *saramaProducer) end(commit bool) {
	s.flush()
	if commit {
		check(s.producer.CommitTxn())
	} else {
		check(s.producer.AbortTxn())
	}
}
