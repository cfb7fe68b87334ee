// SPDX-License-Identifier: MIT

// Package measure repeats an operation on one and two threads, each on a CPU of its own, and prints lines of JSON as
// ../../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and how long.
package measure

import (
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type row struct {
	Peer    string    `json:"peer"`
	Id      string    `json:"id"`
	What    string    `json:"what"`
	Threads int       `json:"threads"`
	Ns      []float64 `json:"ns"`
	Bytes   float64   `json:"bytes,omitempty"`
}

func setting(name string, fallback int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return fallback
}

type cpuSet [16]uint64

var allowed = allowedCpus()

func allowedCpus() []int {
	var set cpuSet
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	var cpus []int
	for cpu := range len(set) * 64 {
		if set[cpu/64]>>(cpu%64)&1 == 1 {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

func pin(thread int) {
	var set cpuSet
	cpu := allowed[thread%len(allowed)]
	set[cpu/64] |= 1 << (cpu % 64)
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
}

func repeat(threads, calls int, loop func(thread, calls int)) float64 {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	took := make([]time.Duration, threads)
	for thread := range threads {
		ready.Add(1)
		done.Add(1)
		go func() {
			runtime.LockOSThread() // and never unlocked: a pinned thread ends with its goroutine
			pin(thread)
			ready.Done()
			<-start
			begin := time.Now()
			loop(thread, calls)
			took[thread] = time.Since(begin)
			done.Done()
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	return float64(sum) / float64(threads) / float64(calls)
}

// Operation measures loop, which calls the operation so many times on a thread.
func Operation(peer, id, what string, bytes float64, loop func(thread, calls int)) {
	OperationOn([]int{1, 2}, peer, id, what, bytes, loop)
}

// OperationOn measures it with each of these numbers of threads.
func OperationOn(numbers []int, peer, id, what string, bytes float64, loop func(thread, calls int)) {
	length := float64(setting("PEER_MS", 100)) * 1e6
	for _, threads := range numbers {
		calls := 1
		for repeat(threads, calls, loop)*float64(calls) < length/4 {
			calls *= 2
		}
		out := row{peer, id, what, threads, nil, bytes}
		for range setting("PEER_REPETITIONS", 5) {
			out.Ns = append(out.Ns, repeat(threads, calls*4, loop))
		}
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			panic(err)
		}
	}
}

// BytesEach is what fill leaves on the heap, for each of items.
func BytesEach(items int, fill func()) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fill()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(items)
}

// Random is a sequence of its own for each thread.
type Random uint64

func NewRandom(thread int) Random { return Random(88172645463325252 + thread*7919) }

func (r *Random) Below(limit uint64) uint64 {
	*r ^= *r << 13
	*r ^= *r >> 7
	*r ^= *r << 17
	return uint64(*r) % limit
}
