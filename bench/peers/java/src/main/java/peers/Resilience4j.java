// SPDX-License-Identifier: MIT
package peers;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

// Prints lines of JSON as ../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and how long. JMH does not
// choose the threads' CPUs.
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

    private static int setting(String name, int fallback) {
        String text = System.getenv(name);
        return text == null ? fallback : Integer.parseInt(text);
    }

    private static void print(RunResult result, int threads) {
        String[] row = ROWS.get(result.getPrimaryResult().getLabel());
        String ns = result.getBenchmarkResults().stream()
            .flatMapToDouble(run -> run.getIterationResults().stream()
                .flatMapToDouble(one -> DoubleStream.of(one.getPrimaryResult().getScore())))
            .mapToObj(value -> String.format("%.2f", value)).collect(Collectors.joining(", "));
        System.out.printf("{\"peer\": \"%s\", \"id\": \"%s\", \"what\": \"%s\", \"threads\": %d, \"ns\": [%s]}%n",
            PEER, row[0], row[1], threads, ns);
    }

    public static void main(String[] arguments) throws Exception {
        for (int threads = 1; threads <= 2; ++threads) {
            var options = new OptionsBuilder().include(Resilience4j.class.getName()).threads(threads).forks(1)
                .warmupIterations(2).warmupTime(TimeValue.milliseconds(10L * setting("PEER_MS", 100)))
                .measurementIterations(setting("PEER_REPETITIONS", 5))
                .measurementTime(TimeValue.milliseconds(setting("PEER_MS", 100)))
                .verbosity(VerboseMode.SILENT).build();
            for (RunResult result : new Runner(options).run()) print(result, threads);
        }
    }
}
