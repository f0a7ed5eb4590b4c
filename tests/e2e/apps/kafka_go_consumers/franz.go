// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

func franz(servers, topic string, each func(kgo.Fetches, func(*kgo.Record))) consumer {
	client, err := kgo.NewClient(kgo.SeedBrokers(servers), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(50*time.Millisecond),
		kgo.MaxVersions(kversion.V1_0_0())) // librdkafka's brokers in memory answer later ListOffsets wrongly
	check(err)
	return func(give func(string)) {
		for {
			fetches := client.PollFetches(context.Background())
			check(fetches.Err())
			each(fetches, func(record *kgo.Record) { give(string(record.Value)) })
		}
	}
}

func franzEach(servers, topic string) consumer {
	return franz(servers, topic, func(fetches kgo.Fetches, give func(*kgo.Record)) { fetches.EachRecord(give) })
}

func franzIterates(servers, topic string) consumer {
	return franz(servers, topic, func(fetches kgo.Fetches, give func(*kgo.Record)) {
		for iterator := fetches.RecordIter(); !iterator.Done(); {
			give(iterator.Next())
		}
	})
}

func franzAll(servers, topic string) consumer {
	return franz(servers, topic, func(fetches kgo.Fetches, give func(*kgo.Record)) {
		for record := range fetches.RecordsAll() {
			give(record)
		}
	})
}

// Several at a time: no call gives one.
func franzPartitions(servers, topic string) consumer {
	return franz(servers, topic, func(fetches kgo.Fetches, give func(*kgo.Record)) {
		fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
			for _, record := range partition.Records {
				give(record)
			}
		})
	})
}

// One goroutine asks, and another one processes what it was given.
func franzHandsOn(servers, topic string) consumer {
	all := make(chan kgo.Fetches)
	each := franz(servers, topic, func(fetches kgo.Fetches, _ func(*kgo.Record)) { all <- fetches })
	return func(give func(string)) {
		go each(nil)
		for fetches := range all {
			fetches.EachRecord(func(record *kgo.Record) { give(string(record.Value)) })
		}
	}
}
