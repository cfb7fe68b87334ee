// SPDX-License-Identifier: MIT
package peers;

import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.distributed.AsyncBucketProxy;
import io.github.bucket4j.distributed.BucketProxy;
import io.github.bucket4j.redis.lettuce.Bucket4jLettuce;
import io.github.bucket4j.redis.lettuce.cas.LettuceBasedProxyManager;
import io.lettuce.core.RedisClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

// It reads, decides and writes by compare and swap, so callers of one key would undo each other: a key for each.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(java.util.concurrent.TimeUnit.NANOSECONDS)
public class Bucket4j {
    private static final String PEER = "bucket4j 8.19.0, lettuce 6.8.1";
    private static final int DEEP = 64;
    private static final Map<String, String[]> CALL = Map.of(
        "call", new String[] {"redis.call", "tryConsume, granted"});
    private static final Map<String, String[]> DEEP_CALL = Map.of(
        "deep", new String[] {"redis.exact", "tryConsume, granted, 64 futures at once, 64 keys"});

    private final RedisClient client = RedisClient.create("redis://127.0.0.1:" + System.getenv("PEER_REDIS_PORT"));
    private final LettuceBasedProxyManager<byte[]> manager = Bucket4jLettuce.casBasedBuilder(client).build();
    private final BucketConfiguration open = BucketConfiguration.builder()
        .addLimit(limit -> limit.capacity(1_000_000_000).refillGreedy(1_000_000_000, Duration.ofSeconds(1))).build();
    private final ThreadLocal<BucketProxy> bucket = ThreadLocal.withInitial(
        () -> manager.builder().build(key(Thread.currentThread().getId()), () -> open));
    private final AsyncBucketProxy[] buckets = IntStream.range(0, DEEP)
        .mapToObj(i -> manager.asAsync().builder().build(key(i), () -> CompletableFuture.completedFuture(open)))
        .toArray(AsyncBucketProxy[]::new);

    private static byte[] key(long i) {
        return ("user-" + i).getBytes(StandardCharsets.UTF_8);
    }

    @TearDown
    public void close() {
        client.shutdown();
    }

    @Benchmark
    public boolean call() {
        return bucket.get().tryConsume(1);
    }

    @Benchmark
    @OperationsPerInvocation(DEEP)
    public void deep() {
        CompletableFuture<?>[] calls = new CompletableFuture<?>[DEEP];
        for (int i = 0; i < DEEP; ++i) calls[i] = buckets[i].tryConsume(1);
        CompletableFuture.allOf(calls).join();
    }

    public static void main(String[] arguments) throws Exception {
        Measure.run(Bucket4j.class, PEER, CALL, 1, 2);
        Measure.run(Bucket4j.class, PEER, DEEP_CALL, 1);
    }
}
