// SPDX-License-Identifier: MIT
//! What the peers in Rust share: each operation repeated on one or two threads, each on a CPU of its own; a line of
//! JSON for each, as ../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and how long.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Counts the bytes in use.
pub struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);
static COUNTING: AtomicBool = AtomicBool::new(false);

fn count(bytes: isize) {
    if COUNTING.load(Ordering::Relaxed) {
        IN_USE.fetch_add(bytes, Ordering::Relaxed);
    }
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        System.dealloc(pointer, layout)
    }
}

/// The bytes that `fill` leaves in use, for each of `items`.
pub fn bytes_each(items: usize, fill: impl FnOnce()) -> f64 {
    IN_USE.store(0, Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    fill();
    COUNTING.store(false, Ordering::Relaxed);
    IN_USE.load(Ordering::Relaxed) as f64 / items as f64
}

fn setting(name: &str, fallback: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(fallback)
}

fn pin(thread: usize) {
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(libc::getpid(), std::mem::size_of_val(&allowed), &mut allowed);
        let cpus: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &allowed)).collect();
        let mut own: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpus[thread % cpus.len()], &mut own);
        libc::sched_setaffinity(0, std::mem::size_of_val(&own), &own);
    }
}

/// ns for each call and thread, of one repetition.
fn repeat<Op: FnMut()>(threads: usize, calls: u64, make: &(impl Fn(usize) -> Op + Sync)) -> f64 {
    let start = Barrier::new(threads);
    let took: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let start = &start;
                scope.spawn(move || {
                    pin(thread);
                    let mut op = make(thread);
                    start.wait();
                    let begin = Instant::now();
                    for _ in 0..calls {
                        op();
                    }
                    begin.elapsed()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    took.iter().map(|t| t.as_nanos() as f64).sum::<f64>() / threads as f64 / calls as f64
}

fn report(peer: &str, id: &str, what: &str, threads: usize, ns: &[f64], bytes: Option<f64>) {
    let samples: Vec<String> = ns.iter().map(|value| format!("{value:.2}")).collect();
    let bytes = bytes.map_or(String::new(), |value| format!(", \"bytes\": {value:.1}"));
    println!(
        "{{\"peer\": \"{peer}\", \"id\": \"{id}\", \"what\": \"{what}\", \"threads\": {threads}, \"ns\": [{}]{bytes}}}",
        samples.join(", ")
    );
}

/// `make(thread)` gives each thread its own caller of the shared object.
pub fn measure<Op: FnMut()>(peer: &str, id: &str, what: &str, bytes: Option<f64>, make: impl Fn(usize) -> Op + Sync) {
    let length = Duration::from_millis(setting("PEER_MS", 100));
    for threads in [1, 2] {
        let mut calls = 1;
        while repeat(threads, calls, &make) * (calls as f64) < length.as_nanos() as f64 / 4.0 {
            calls *= 2;
        }
        let ns: Vec<f64> =
            (0..setting("PEER_REPETITIONS", 5)).map(|_| repeat(threads, calls * 4, &make)).collect();
        report(peer, id, what, threads, &ns, bytes);
    }
}

/// Random numbers below `limit`, a sequence of its own for each thread.
pub struct Random(u64);

impl Random {
    pub fn new(thread: usize) -> Self {
        Random(88172645463325252 + thread as u64 * 7919)
    }
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
