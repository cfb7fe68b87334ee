// SPDX-License-Identifier: MIT
use peers::{bytes_each, measure, Counting};
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEER: &str = "prometheus (crate) 0.14.0";

fn main() {
    let counter = IntCounter::new("calls_total", "Calls.").unwrap();
    measure(PEER, "counter.add", "IntCounter::inc", None, |_| || counter.inc());

    let bounds = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
    let histogram = Histogram::with_opts(HistogramOpts::new("seconds", "Time.").buckets(bounds)).unwrap();
    measure(PEER, "histogram.fixed", "Histogram::observe, 10 bounds", None, |_| || histogram.observe(0.042));

    let family = IntCounterVec::new(Opts::new("requests_total", "Requests."), &["service", "code"]).unwrap();
    measure(PEER, "counter.by_labels", "with_label_values of 2, inc", None, |_| || {
        family.with_label_values(&["trading", "200"]).inc()
    });

    let registry = Registry::new();
    let many = IntCounterVec::new(Opts::new("users_total", "Users."), &["user"]).unwrap();
    registry.register(Box::new(many.clone())).unwrap();
    let bytes = bytes_each(10_000, || {
        (0..10_000).for_each(|user| many.with_label_values(&[&format!("user-{user:06}")]).inc())
    });
    measure(PEER, "scrape.10k_counters", "gather and TextEncoder; bytes a series", Some(bytes), |_| || {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    });
}
