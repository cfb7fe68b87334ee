// SPDX-License-Identifier: MIT
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use peers::{bytes_each, measure, Counting, Random};
use std::hint::black_box;
use std::num::NonZeroU32;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEER: &str = "governor 0.10.4";
const KEYS: u64 = 1_000_000;

fn quota(per_second: u32) -> Quota {
    Quota::per_second(NonZeroU32::new(per_second).unwrap())
}

fn main() {
    let open: DefaultDirectRateLimiter = RateLimiter::direct(quota(1_000_000_000).allow_burst(NonZeroU32::MAX));
    measure(PEER, "bucket.allow_clock", "check, granted", None, |_| || {
        black_box(open.check().is_ok());
    });
    let shut: DefaultDirectRateLimiter =
        RateLimiter::direct(Quota::with_period(std::time::Duration::from_secs(86_400)).unwrap());
    assert!(shut.check().is_ok());
    measure(PEER, "bucket.deny", "check, denied, with its clock", None, |_| || {
        black_box(shut.check().is_ok());
    });

    let keyed = RateLimiter::dashmap(quota(1_000_000));
    let bytes = bytes_each(KEYS as usize, || (0..KEYS).for_each(|key| assert!(keyed.check_key(&key).is_ok())));
    measure(PEER, "keyed.u64", "dashmap, check_key", Some(bytes), |thread| {
        let (keyed, mut random) = (&keyed, Random::new(thread));
        move || {
            black_box(keyed.check_key(&random.below(KEYS)).is_ok());
        }
    });
    drop(keyed);

    let names: Vec<String> = (0..KEYS).map(|key| format!("user-{key:012}")).collect();
    let keyed = RateLimiter::dashmap(quota(1_000_000));
    let bytes =
        bytes_each(KEYS as usize, || names.iter().for_each(|name| assert!(keyed.check_key(name).is_ok())));
    measure(PEER, "keyed.string", "dashmap, check_key of 17 characters", Some(bytes), |thread| {
        let (keyed, names, mut random) = (&keyed, &names, Random::new(thread));
        move || {
            black_box(keyed.check_key(&names[random.below(KEYS) as usize]).is_ok());
        }
    });
}
