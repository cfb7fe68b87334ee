# SPDX-License-Identifier: MIT
import os

import limits
import measure

PEER = "limits 5.8.0, redis-py"

storage = limits.storage.storage_from_string(f"redis://127.0.0.1:{os.environ['PEER_REDIS_PORT']}")
item = limits.RateLimitItemPerSecond(1_000_000_000)

for strategy, what in (
    (limits.strategies.FixedWindowRateLimiter, "fixed window hit, granted"),
    (limits.strategies.SlidingWindowCounterRateLimiter, "sliding window counter hit, granted"),
):
    limiter = strategy(storage)
    assert limiter.hit(item, "user-42")
    measure.operation(PEER, "python.redis", what, lambda limiter=limiter: limiter.hit(item, "user-42"))
