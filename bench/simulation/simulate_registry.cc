// SPDX-License-Identifier: MIT
//
// simulate_registry [--instances N] [--clients N] [--subset N] [--check]
//
// Runs the fleet of fleet.h through a rolling deploy, the loss of a zone and a source that says that nobody is there,
// and prints a report as JSON for plot.py. With --check it prints nothing but what is not as promised, and fails then.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "fleet.h"

namespace {

using simulation::Options;
using simulation::Report;

void print_list(const char* name, std::vector<double> values, const char* end) {
  std::ranges::sort(values);
  std::printf("\"%s\":[", name);  // at most 1001 quantiles
  const std::size_t count = std::min<std::size_t>(values.size(), 1001);
  for (std::size_t i = 0; i < count; ++i) {
    std::printf("%s%.3f", i == 0 ? "" : ",", values[count == 1 ? 0 : i * (values.size() - 1) / (count - 1)]);
  }
  std::printf("]%s", end);
}

void print(const Options& options, const Report& report) {
  const auto s = [](seawall::Duration d) { return std::chrono::duration<double>(d).count(); };
  std::printf(
      "{\"instances\":%zu,\"clients\":%zu,\"subset\":%zu,\"zones\":%zu,\"deploy\":[%g,%g],\"zone_loss\":%g,"
      "\"lie\":[%g,%g],\"healthy_lost\":%lld,",
      options.instances, options.clients, options.subset, options.zones, s(options.deploy_from),
      s(options.deploy_from + options.deploy_for), s(options.zone_loss), s(options.lie_from),
      s(options.lie_from + options.lie_for), static_cast<long long>(report.healthy_lost));
  print_list("to_first_pick", report.to_first_pick, ",");
  print_list("to_last_pick_drained", report.to_last_pick_drained, ",");
  print_list("to_last_pick_lost", report.to_last_pick_lost, ",\"seconds\":[");
  for (const auto& second : report.seconds) {
    std::printf(
        "%s{\"calls\":%lld,\"first_failures\":%lld,\"failures\":%lld,\"listed\":%lld,\"spread\":%.4f,"
        "\"serving\":%lld}",
        &second == &report.seconds.front() ? "" : ",\n", static_cast<long long>(second.calls),
        static_cast<long long>(second.first_failures), static_cast<long long>(second.failures),
        static_cast<long long>(second.listed), second.spread, static_cast<long long>(second.spread_from));
  }
  std::printf("]}\n");
}

class Checks {
 public:
  void operator()(bool holds, const char* what, double found) {
    if (holds) return;
    std::printf("not so: %s; found %g\n", what, found);
    failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

std::int64_t sum(const Report& report, seawall::Duration from, seawall::Duration to,
                 std::int64_t simulation::Second::*which) {
  std::int64_t total = 0;
  for (auto t = from / std::chrono::seconds(1); t < to / std::chrono::seconds(1); ++t) {
    total += report.seconds.at(static_cast<std::size_t>(t)).*which;
  }
  return total;
}

bool check(const Options& o, const Report& report) {
  using namespace std::chrono_literals;
  using simulation::Second;
  Checks checks;
  const auto rate = [&](auto from, auto to, auto which) {
    return static_cast<double>(sum(report, from, to, which)) /
           static_cast<double>(sum(report, from, to, &Second::calls));
  };
  checks(report.healthy_lost == 0, "no client loses a healthy instance", static_cast<double>(report.healthy_lost));
  checks(sum(report, 3s, o.zone_loss, &Second::first_failures) == 0,
         "not one call fails in a rolling deploy that drains",
         static_cast<double>(sum(report, 3s, o.zone_loss, &Second::first_failures)));
  const auto lost = o.zone_loss;
  checks(rate(lost, lost + 2s, &Second::first_failures) > 0.1, "a lost zone is felt",
         rate(lost, lost + 2s, &Second::first_failures));
  checks(rate(lost, lost + 20s, &Second::failures) < 0.1, "one retry elsewhere keeps most calls of the lost zone",
         rate(lost, lost + 20s, &Second::failures));
  checks(sum(report, lost + 25s, o.end, &Second::first_failures) == 0,
         "25 s after it no call fails, whatever the source says",
         static_cast<double>(sum(report, lost + 25s, o.end, &Second::first_failures)));
  const auto at = [&](seawall::Duration t) { return report.seconds.at(static_cast<std::size_t>(t / 1s)).listed; };
  checks(at(o.lie_from + o.lie_for - 1s) >= at(o.lie_from - 2s), "a source that says nobody takes nobody",
         static_cast<double>(at(o.lie_from + o.lie_for - 1s) - at(o.lie_from - 2s)));
  const auto slowest = std::ranges::max_element(report.to_first_pick);
  checks(slowest != report.to_first_pick.end() && *slowest < 3, "who serves is in every list of its within 3 s",
         slowest == report.to_first_pick.end() ? -1 : *slowest);
  return !checks.failed();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool checking = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view given = argv[i];
    const auto number = [&] {
      return static_cast<std::size_t>(std::strtoull(i + 1 < argc ? argv[++i] : "", nullptr, 10));
    };
    if (given == "--check") {
      checking = true;
    } else if (given == "--instances") {
      options.instances = number();
    } else if (given == "--clients") {
      options.clients = number();
    } else if (given == "--subset") {
      options.subset = number();
    } else {
      std::fprintf(stderr, "usage: simulate_registry [--instances N] [--clients N] [--subset N] [--check]\n");
      return 2;
    }
  }
  const Report report = simulation::Fleet(options).run();
  if (checking) return check(options, report) ? 0 : 1;
  print(options, report);
}
