// SPDX-License-Identifier: MIT
package main

import (
	"context"
	"os"
	"sync"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"seawall.example/peers/measure"
)

const (
	peer = "redis_rate 10.0.1"
	deep = 64
)

func main() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Getenv("PEER_REDIS_PORT"), PoolSize: deep})
	limiter := redis_rate.NewLimiter(client)
	background := context.Background()
	limit := redis_rate.Limit{Rate: 1e9, Burst: 1e9, Period: 1e9}
	allow := func() {
		answer, err := limiter.Allow(background, "user-42", limit)
		if err != nil || answer.Allowed != 1 {
			panic(err)
		}
	}
	measure.Operation(peer, "redis.call", "Allow, granted", 0, func(_, calls int) {
		for range calls {
			allow()
		}
	})
	// Go-redis has a connection for each call under way.
	measure.OperationOn([]int{1}, peer, "redis.exact", "Allow, granted, 64 goroutines and connections", 0, func(_, calls int) {
		var done sync.WaitGroup
		for caller := range deep {
			done.Add(1)
			go func() {
				for i := caller; i < calls; i += deep {
					allow()
				}
				done.Done()
			}()
		}
		done.Wait()
	})
}
