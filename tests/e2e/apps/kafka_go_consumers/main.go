// SPDX-License-Identifier: Apache-2.0
// worker LIBRARY HOW SERVERS TOPIC PORT: consumes records of TOPIC and asks http://127.0.0.1:PORT/work?id=VALUE for each.
// LIBRARY: see libraries. HOW: one (in the goroutine that was given the record), waits (in one of its own, which is
// waited for), goes (in one of its own), pool (in one of three, through a channel), shared (three are given records, and
// each works for its own), relay (as one, and after forty another one takes its place), produces (as one, and an equal
// record for "out"). Begins when there is input.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"
)

// Gives the records' values one by one, for ever. From several goroutines.
type consumer func(give func(value string))

var libraries = map[string]func(servers, topic string) consumer{
	"segmentio-read":   segmentioReads,
	"segmentio-fetch":  segmentioFetches,
	"segmentio-closes": segmentioCloses,
	"segmentio-fails":  segmentioFails,
	"segmentio-others": segmentioOthers,
	"franz-each":       franzEach,
	"franz-iter":       franzIterates,
	"franz-all":        franzAll,
	"franz-partitions": franzPartitions,
	"franz-hands-on":   franzHandsOn,
	"sarama":           saramaChannel,
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(path, id string) {
	response, err := http.Get("http://127.0.0.1:" + os.Args[5] + "/" + path + "?id=" + id)
	check(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

func work(id string) { ask("work", id) }

func pool() func(string) {
	values := make(chan string)
	for range 3 {
		go func() {
			for value := range values {
				work(value)
			}
		}()
	}
	return func(value string) { values <- value }
}

func relay(consume consumer) {
	given, over := 0, make(chan bool)
	go func() {
		defer close(over)
		consume(func(value string) {
			work(value)
			if given++; given == 40 {
				runtime.Goexit()
			}
		})
	}()
	<-over
	time.Sleep(20 * time.Millisecond)
}

func main() {
	fmt.Println(0) // serves nothing
	bufio.NewReader(os.Stdin).ReadString('\n')
	consume := libraries[os.Args[1]](os.Args[3], os.Args[4])
	switch os.Args[2] {
	case "one":
		consume(work)
	case "waits":
		consume(func(value string) {
			var group sync.WaitGroup
			group.Go(func() { work(value) })
			group.Wait()
		})
	case "goes":
		consume(func(value string) {
			go func() {
				time.Sleep(time.Millisecond)
				work(value)
			}()
		})
	case "pool":
		consume(pool())
	case "produces":
		produce := segmentioProduces(os.Args[3], "out")
		consume(func(value string) {
			produce(value)
			work(value)
		})
	case "relay":
		for {
			relay(consume)
		}
	case "shared":
		for range 2 {
			go consume(work)
		}
		consume(work)
	}
}
