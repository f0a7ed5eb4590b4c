// SPDX-License-Identifier: Apache-2.0
//go:build cgo

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func init() { producers["confluent"] = newConfluent }

type confluent struct {
	client                  *kafka.Producer
	reports                 chan kafka.Event
	sent, delivered, failed int
}

func newConfluent(servers, how string) producer {
	config := kafka.ConfigMap{"bootstrap.servers": servers, "message.max.bytes": 3_000_000, "log_level": 2}
	switch how {
	case "plain":
		config["acks"] = 1
	case "idempotent":
		config["enable.idempotence"] = true
	case "transactional":
		config["transactional.id"] = "confluent-go"
	default:
		config["compression.type"] = how
	}
	client, err := kafka.NewProducer(&config)
	check(err)
	if how == "transactional" {
		check(client.InitTransactions(context.Background()))
	}
	return &confluent{client: client, reports: make(chan kafka.Event, 1<<16)}
}

func (c *confluent) send(topic string, r record) {
	message := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: r.partition}, Timestamp: r.timestamp,
		Key: r.key, Value: r.value}
	for _, h := range r.headers {
		message.Headers = append(message.Headers, kafka.Header{Key: h.name, Value: h.value})
	}
	check(c.client.Produce(message, c.reports))
	c.sent++
}

func (c *confluent) flush() (int, int) {
	for c.delivered+c.failed < c.sent {
		report := (<-c.reports).(*kafka.Message)
		if err := report.TopicPartition.Error; err != nil {
			fmt.Fprintln(os.Stderr, "not delivered:", err)
			c.failed++
		} else {
			c.delivered++
		}
	}
	return c.delivered, c.failed
}

func (c *confluent) begin() { check(c.client.BeginTransaction()) }

func (c *confluent) end(commit bool) {
	if commit {
		check(c.client.CommitTransaction(context.Background()))
	} else {
		check(c.client.AbortTransaction(context.Background()))
	}
}
