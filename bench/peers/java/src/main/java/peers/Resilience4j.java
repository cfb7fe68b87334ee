// SPDX-License-Identifier: MIT
package peers;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Resilience4j {
    private static final String PEER = "resilience4j 2.3.0";
    private static final Map<String, String[]> ROWS = Map.of(
        "closed", new String[] {"breaker.healthy", "tryAcquirePermission and onSuccess, closed"},
        "open", new String[] {"breaker.open", "tryAcquirePermission refused, with its clock"},
        "granted", new String[] {"bucket.allow_clock", "acquirePermission of AtomicRateLimiter, granted"},
        "denied", new String[] {"bucket.deny", "acquirePermission denied, with its clock"});

    private final CircuitBreaker closed = CircuitBreaker.ofDefaults("closed");
    private final CircuitBreaker open = CircuitBreaker.ofDefaults("open");
    private final RateLimiter granting = limiter(1_000_000_000, Duration.ofSeconds(1));
    private final RateLimiter denying = limiter(1, Duration.ofDays(1));

    public Resilience4j() {
        open.transitionToForcedOpenState();
        open.transitionToOpenState();
        denying.acquirePermission();
    }

    private static RateLimiter limiter(int permits, Duration period) {
        return RateLimiter.of("limiter", RateLimiterConfig.custom()
            .limitForPeriod(permits).limitRefreshPeriod(period).timeoutDuration(Duration.ZERO).build());
    }

    @Benchmark
    public boolean closed() {
        boolean admitted = closed.tryAcquirePermission();
        closed.onSuccess(1, TimeUnit.NANOSECONDS);
        return admitted;
    }

    @Benchmark
    public boolean open() {
        return open.tryAcquirePermission();
    }

    @Benchmark
    public boolean granted() {
        return granting.acquirePermission();
    }

    @Benchmark
    public boolean denied() {
        return denying.acquirePermission();
    }

    public static void main(String[] arguments) throws Exception {
        Measure.run(Resilience4j.class, PEER, ROWS, 1, 2);
    }
}
