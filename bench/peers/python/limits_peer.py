# SPDX-License-Identifier: MIT
import itertools

import limits
import measure

PEER = "limits 5.8.0"
USERS = itertools.cycle([f"user-{i:06}" for i in range(10_000)])

storage = limits.storage.MemoryStorage()
item = limits.RateLimitItemPerSecond(1_000_000_000)

fixed = limits.strategies.FixedWindowRateLimiter(storage)
measure.operation(PEER, "python.keyed", "fixed window hit, granted, 10,000 users", lambda: fixed.hit(item, next(USERS)))

counter = limits.strategies.SlidingWindowCounterRateLimiter(storage)
measure.operation(
    PEER, "python.window", "sliding window counter hit, granted, one user", lambda: counter.hit(item, "user")
)

moving = limits.strategies.MovingWindowRateLimiter(storage)
one = limits.RateLimitItemPerDay(1)
moving.hit(one, "late")
measure.operation(PEER, "python.deny", "moving window hit, denied", lambda: moving.hit(one, "late"))
