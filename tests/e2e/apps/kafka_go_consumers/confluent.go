// SPDX-License-Identifier: Apache-2.0
//go:build cgo

package main

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func init() {
	libraries["confluent-read"] = confluentReads
	libraries["confluent-poll"] = confluentPolls
	libraries["confluent-channel"] = confluentChannel
	libraries["confluent-flushes"] = confluentFlushes
}

func confluent(servers, topic string, channel bool) *kafka.Consumer {
	client, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": servers, "group.id": "w", "auto.offset.reset": "earliest",
		"fetch.wait.max.ms": 50, "statistics.interval.ms": 20, "go.events.channel.enable": channel})
	check(err)
	check(client.Subscribe(topic, nil))
	return client
}

func confluentReads(servers, topic string) consumer {
	client := confluent(servers, topic, false)
	return func(give func(string)) {
		for {
			message, err := client.ReadMessage(-1)
			check(err)
			give(string(message.Value))
		}
	}
}

// A record is produced for each, and waited for.
func confluentFlushes(servers, topic string) consumer {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers, "linger.ms": 0})
	check(err)
	each, out := confluentReads(servers, topic), "out"
	return func(give func(string)) {
		each(func(value string) {
			check(producer.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &out, Partition: 0}, Value: []byte(value)}, nil))
			producer.Flush(10)
			give(value)
		})
	}
}

// Between the records come events of other kinds, and nothing.
func confluentPolls(servers, topic string) consumer {
	client := confluent(servers, topic, false)
	return func(give func(string)) {
		for last := time.Now(); ; {
			switch event := client.Poll(10).(type) {
			case *kafka.Message:
				give(string(event.Value))
			case *kafka.Stats:
				if time.Since(last) > 200*time.Millisecond {
					ask("idle", "none")
					last = time.Now()
				}
			}
		}
	}
}

func confluentChannel(servers, topic string) consumer {
	client := confluent(servers, topic, true)
	return func(give func(string)) {
		for event := range client.Events() {
			if message, is := event.(*kafka.Message); is {
				give(string(message.Value))
			}
		}
	}
}
