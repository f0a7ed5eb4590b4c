// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct {
	client            *kgo.Client
	delivered, failed atomic.Int64
}

func newFranz(servers, how string) producer {
	options := []kgo.Opt{kgo.SeedBrokers(servers), kgo.AllowAutoTopicCreation(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(1 << 20), kgo.ProducerBatchCompression(kgo.NoCompression())}
	switch how {
	case "plain":
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	case "idempotent":
	case "transactional":
		options = append(options, kgo.TransactionalID("franz"))
	default:
		codecs := map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
		options = append(options, kgo.ProducerBatchCompression(codecs[how]))
	}
	client, err := kgo.NewClient(options...)
	check(err)
	return &franz{client: client}
}

func (f *franz) send(topic string, r record) {
	out := &kgo.Record{Topic: topic, Partition: r.partition, Timestamp: r.timestamp, Key: r.key, Value: r.value}
	for _, h := range r.headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
	}
	f.client.Produce(context.Background(), out, func(_ *kgo.Record, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "not delivered:", err)
			f.failed.Add(1)
		} else {
			f.delivered.Add(1)
		}
	})
}

func (f *franz) flush() (int, int) {
	check(f.client.Flush(context.Background()))
	return int(f.delivered.Load()), int(f.failed.Load())
}

func (f *franz) begin() { check(f.client.BeginTransaction()) }

func (f *franz) end(commit bool) {
	f.flush()
	check(f.client.EndTransaction(context.Background(), kgo.TransactionEndTry(commit)))
}
