// SPDX-License-Identifier: MIT
package main

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
	"seawall.example/peers/measure"
)

const peer = "gobreaker 2.4.0"

func main() {
	work := func() (int, error) { return 1, nil }
	healthy := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
	measure.Operation(peer, "breaker.healthy", "Execute of a function that does nothing", 0, func(_, calls int) {
		for range calls {
			_, _ = healthy.Execute(work)
		}
	})
	open := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Timeout: time.Hour})
	failed := errors.New("failed")
	for range 10 {
		_, _ = open.Execute(func() (int, error) { return 0, failed })
	}
	if open.State() != gobreaker.StateOpen {
		panic("not open")
	}
	measure.Operation(peer, "breaker.open", "Execute refused, with its clock", 0, func(_, calls int) {
		for range calls {
			_, _ = open.Execute(work)
		}
	})
}
