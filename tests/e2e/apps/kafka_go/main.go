// SPDX-License-Identifier: Apache-2.0
// kafka_go LIBRARY SERVERS TOPIC [HOW]: as apps/kafka/producer.cc, by sarama, franz-go, kafka-go or, with cgo,
// confluent-kafka-go. HOW: plain, idempotent (not kafka-go), transactional (not kafka-go), or a compression.
// kafka_go serve …: see server.go.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type header struct {
	name  string
	value []byte
}

type record struct {
	partition  int32
	timestamp  time.Time
	key, value []byte // nil: null
	headers    []header
}

type producer interface {
	send(topic string, r record)
	flush() (delivered, failed int) // all together
	begin()
	end(commit bool)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fromHex(word string) []byte {
	if word == "-" {
		return nil
	}
	data, err := hex.DecodeString(word[1:])
	check(err)
	if data == nil {
		data = []byte{}
	}
	return data
}

func read(line string) record {
	words := strings.Split(line, " ")
	partition, err := strconv.Atoi(words[0])
	check(err)
	timestamp, err := strconv.ParseInt(words[2], 10, 64)
	check(err)
	r := record{partition: int32(partition), timestamp: time.UnixMilli(timestamp), key: fromHex(words[3]), value: fromHex(words[4])}
	for i := 5; i < len(words); i += 2 {
		r.headers = append(r.headers, header{string(fromHex(words[i])), fromHex(words[i+1])})
	}
	return r
}

var producers = map[string]func(servers, how string) producer{"sarama": newSarama, "franz": newFranz, "segmentio": newSegmentio}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2:])
	}
	library, servers, topic, how := os.Args[1], os.Args[2], os.Args[3], "plain"
	if len(os.Args) > 4 {
		how = os.Args[4]
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	line, err := lines.ReadString('\n')
	p := producers[library](servers, how)
	for ; err == nil; line, err = lines.ReadString('\n') {
		switch line = strings.TrimSuffix(line, "\n"); line {
		case "flush":
			delivered, _ := p.flush()
			fmt.Println(delivered)
		case "begin":
			p.begin()
		case "commit", "abort":
			p.end(line == "commit")
		default:
			p.send(topic, read(line))
		}
	}
	delivered, failed := p.flush()
	fmt.Println(delivered)
	if failed > 0 {
		os.Exit(1)
	}
}
