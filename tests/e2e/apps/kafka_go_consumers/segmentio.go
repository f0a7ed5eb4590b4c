// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

func reader(servers, topic string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{servers}, Topic: topic, GroupID: "w", StartOffset: kafka.FirstOffset,
		MaxWait: 50 * time.Millisecond, CommitInterval: time.Second})
}

func segmentioReads(servers, topic string) consumer {
	reader := reader(servers, topic)
	return func(give func(string)) {
		for {
			message, err := reader.ReadMessage(context.Background())
			check(err)
			give(string(message.Value))
		}
	}
}

func segmentioFetches(servers, topic string) consumer {
	reader := reader(servers, topic)
	return func(give func(string)) {
		for {
			message, err := reader.FetchMessage(context.Background())
			check(err)
			give(string(message.Value))
			check(reader.CommitMessages(context.Background(), message))
		}
	}
}

// Another reader is made and closed within each.
func segmentioOthers(servers, topic string) consumer {
	each := segmentioReads(servers, topic)
	return func(give func(string)) {
		each(func(value string) {
			other := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{servers}, Topic: "out"})
			check(other.Close())
			give(value)
		})
	}
}

// A context that is over once it has been asked for the first time: what is fetched with it cannot be committed.
type once struct {
	context.Context
	asked bool
}

func (c *once) Done() <-chan struct{} {
	over := make(chan struct{})
	if c.asked {
		close(over)
	}
	c.asked = true
	return over
}

func (c *once) Err() error { return context.Canceled }

// Behind the record "last" comes one that the library fetches and does not give.
func segmentioFails(servers, topic string) consumer {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{servers}, Topic: topic, GroupID: "w",
		StartOffset: kafka.FirstOffset, MaxWait: 50 * time.Millisecond})
	return func(give func(string)) {
		for {
			message, err := reader.ReadMessage(context.Background())
			check(err)
			value := string(message.Value)
			give(value)
			if value == "last" {
				if _, err := reader.ReadMessage(&once{Context: context.Background()}); err == nil {
					panic("it was committed")
				}
				ask("failed", value)
			}
		}
	}
}

// Asks in vain from time to time; the record "last" closes the reader, behind which there is one more call.
func segmentioCloses(servers, topic string) consumer {
	reader := reader(servers, topic)
	return func(give func(string)) {
		for {
			briefly, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			message, err := reader.FetchMessage(briefly)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				ask("idle", "none")
				continue
			}
			if errors.Is(err, io.EOF) {
				return
			}
			check(err)
			value := string(message.Value)
			give(value)
			if value == "last" {
				reader.Close()
				ask("closed", value)
			}
		}
	}
}

func segmentioProduces(servers, topic string) func(value string) {
	writer := &kafka.Writer{Addr: kafka.TCP(servers), Topic: topic, BatchSize: 1, RequiredAcks: kafka.RequireOne}
	return func(value string) {
		check(writer.WriteMessages(context.Background(), kafka.Message{Value: []byte(value)}))
	}
}
