// SPDX-License-Identifier: MIT
package peers;

import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

// Prints lines of JSON as ../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and how long. JMH does not
// choose the threads' CPUs.
final class Measure {
    private Measure() {}

    private static int setting(String name, int fallback) {
        String text = System.getenv(name);
        return text == null ? fallback : Integer.parseInt(text);
    }

    private static void print(RunResult result, String peer, Map<String, String[]> rows, int threads) {
        String[] row = rows.get(result.getPrimaryResult().getLabel());
        String ns = result.getBenchmarkResults().stream()
            .flatMapToDouble(run -> run.getIterationResults().stream()
                .flatMapToDouble(one -> DoubleStream.of(one.getPrimaryResult().getScore())))
            .mapToObj(value -> String.format("%.2f", value)).collect(Collectors.joining(", "));
        System.out.printf("{\"peer\": \"%s\", \"id\": \"%s\", \"what\": \"%s\", \"threads\": %d, \"ns\": [%s]}%n",
            peer, row[0], row[1], threads, ns);
    }

    // rows: {method: its id, what it measures}.
    static void run(Class<?> peers, String peer, Map<String, String[]> rows, int... numbers) throws Exception {
        for (int threads : numbers) {
            for (String method : rows.keySet()) {
                var options = new OptionsBuilder().include(peers.getName() + "\\." + method + "$").threads(threads).forks(1)
                    .warmupIterations(2).warmupTime(TimeValue.milliseconds(10L * setting("PEER_MS", 100)))
                    .measurementIterations(setting("PEER_REPETITIONS", 5))
                    .measurementTime(TimeValue.milliseconds(setting("PEER_MS", 100)))
                    .verbosity(VerboseMode.SILENT).build();
                for (RunResult result : new Runner(options).run()) print(result, peer, rows, threads);
            }
        }
    }
}
