// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"math"
	"runtime"
	"sync"

	"golang.org/x/time/rate"
	"seawall.example/peers/measure"
)

const (
	peer = "x/time/rate 0.16.0"
	keys = 1_000_000
)

// A limiter for each key, as its users write it: the package has none.
type keyed[Key comparable] struct {
	mutex    sync.Mutex
	limiters map[Key]*rate.Limiter
}

func (k *keyed[Key]) allow(key Key) bool {
	k.mutex.Lock()
	limiter := k.limiters[key]
	if limiter == nil {
		limiter = rate.NewLimiter(1e6, 1_000_000)
		k.limiters[key] = limiter
	}
	k.mutex.Unlock()
	return limiter.Allow()
}

func measureKeyed[Key comparable](id, what string, key func(uint64) Key) {
	table := keyed[Key]{limiters: map[Key]*rate.Limiter{}}
	bytes := measure.BytesEach(keys, func() {
		for i := range uint64(keys) {
			table.allow(key(i))
		}
	})
	measure.Operation(peer, id, what, bytes, func(thread, calls int) {
		random := measure.NewRandom(thread)
		for range calls {
			table.allow(key(random.Below(keys)))
		}
	})
	runtime.KeepAlive(&table)
}

func main() {
	open := rate.NewLimiter(rate.Limit(1e9), math.MaxInt32)
	measure.Operation(peer, "bucket.allow_clock", "Allow, granted", 0, func(_, calls int) {
		for range calls {
			open.Allow()
		}
	})
	shut := rate.NewLimiter(rate.Limit(1e-6), 1)
	shut.Allow()
	measure.Operation(peer, "bucket.deny", "Allow, denied, with its clock", 0, func(_, calls int) {
		for range calls {
			shut.Allow()
		}
	})
	measureKeyed("keyed.u64", "map and mutex", func(i uint64) uint64 { return i })
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("user-%012d", i)
	}
	measureKeyed("keyed.string", "map and mutex, 17 characters", func(i uint64) string { return names[i] })
}
