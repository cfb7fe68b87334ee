// SPDX-License-Identifier: MIT
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use peers::{bytes_each, measure, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEER: &str = "metrics (crate) 0.24.6";
static META: Metadata<'static> = Metadata::new("peers", Level::INFO, None);

fn main() {
    let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("seconds".into()), &bounds)
        .unwrap()
        .build_recorder();
    let handle = recorder.handle();

    let counter = recorder.register_counter(&Key::from_name("calls_total"), &META);
    measure(PEER, "counter.add", "Counter::increment of a handle", None, |_| || counter.increment(1));

    let histogram = recorder.register_histogram(&Key::from_name("seconds"), &META);
    measure(PEER, "histogram.fixed", "Histogram::record of a handle; kept until the next scrape", None, |_| || {
        histogram.record(0.042)
    });
    handle.run_upkeep();

    measure(PEER, "counter.by_labels", "register_counter by 2 labels, increment", None, |_| || {
        let labels = vec![Label::from_static_parts("service", "trading"), Label::from_static_parts("code", "200")];
        recorder.register_counter(&Key::from_parts("requests_total", labels), &META).increment(1)
    });

    let bytes = bytes_each(10_000, || {
        for user in 0..10_000 {
            let labels = vec![Label::new("user", format!("user-{user:06}"))];
            recorder.register_counter(&Key::from_parts("users_total", labels), &META).increment(1);
        }
    });
    measure(PEER, "scrape.10k_counters", "PrometheusHandle::render; bytes a series", Some(bytes), |_| || {
        drop(handle.render())
    });
}
