// SPDX-License-Identifier: Apache-2.0
package main

import (
	"strings"

	"github.com/IBM/sarama"
)

func saramaChannel(servers, topic string) consumer {
	config := sarama.NewConfig()
	config.Version = sarama.V1_0_0_0
	client, err := sarama.NewConsumer(strings.Split(servers, ","), config)
	check(err)
	partition, err := client.ConsumePartition(topic, 0, sarama.OffsetOldest)
	check(err)
	return func(give func(string)) {
		for message := range partition.Messages() {
			give(string(message.Value))
		}
	}
}
