// SPDX-License-Identifier: MIT
//
// validate_exposition(): the corpus that all judges read (tests/conformance/corpus), and what only it does: comparing a
// text with an earlier one, and saying what it read.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "seawall/runtime/exposition.h"
#include "support/catch.h"

namespace {

using seawall::Exposition;
using seawall::validate_exposition;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string verdict(Exposition format, std::string_view text, std::string_view previous = {}) {
  const auto checked = validate_exposition(format, text, previous);
  return checked ? "ok" : std::string(checked.error().message.view());
}
std::string prometheus(std::string_view text, std::string_view previous = {}) {
  return verdict(Exposition::kPrometheus, text, previous);
}
std::string open_metrics(std::string_view text, std::string_view previous = {}) {
  return verdict(Exposition::kOpenMetrics, text, previous);
}

constexpr std::string_view kHistogram =
    "# TYPE h histogram\n"
    "h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"+Inf\"} 4\nh_sum 5.5\nh_count 4\n";

}  // namespace

TEST_CASE("the checker says of each text of the corpus what the table says") {
  const std::filesystem::path corpus = std::filesystem::path(SEAWALL_TEST_VECTORS) / "../conformance/corpus";
  std::istringstream table(read_file(corpus / "verdicts.txt"));
  int files = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream row(line);
    std::string file, others, ours;
    row >> file >> others >> others >> others;
    std::getline(row >> std::ws, ours);
    INFO(file);
    const auto format = file.ends_with(".om") ? Exposition::kOpenMetrics : Exposition::kPrometheus;
    CHECK(verdict(format, read_file(corpus / file)) == ours);
    CHECK(file.starts_with("good_") == (ours == "ok"));
    ++files;
  }
  CHECK(files > 140);
}

TEST_CASE("the checker counts what it read") {
  const auto size = validate_exposition(Exposition::kPrometheus, kHistogram).value();
  CHECK(size.families == 1);
  CHECK(size.samples == 4);
  CHECK(validate_exposition(Exposition::kPrometheus, "").value().samples == 0);
}

TEST_CASE("a total must not have fallen since the previous text") {
  const std::string before = "# TYPE a_total counter\na_total{x=\"1\"} 7\na_total{x=\"2\"} 1e9\n";
  CHECK(prometheus(before, before) == "ok");
  CHECK(prometheus("# TYPE a_total counter\na_total{x=\"1\"} 8\n", before) == "ok");  // a series may be gone
  CHECK(prometheus("# TYPE a_total counter\na_total{x=\"3\"} 1\n", before) == "ok");  // or new
  CHECK(prometheus("# TYPE a_total counter\na_total{x=\"1\"} 5\n", before) == "line 2: \"a_total\" fell from 7 to 5");
  CHECK(prometheus("# TYPE a_total counter\na_total{y=\"\",x=\"1\"} 5.5\n", before) ==
        "line 2: \"a_total\" fell from 7 to 5.500000");
  CHECK(open_metrics("# TYPE a counter\na_total 1\n# EOF\n", "# TYPE a counter\na_total 2\n# EOF\n") ==
        "line 2: \"a_total\" fell from 2 to 1");
}

TEST_CASE("buckets, counts and sums are totals, gauges are not") {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(kHistogram);
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK(prometheus(kHistogram, kHistogram) == "ok");
  CHECK(prometheus(with("le=\"0.1\"} 1", "le=\"0.10\"} 0"), kHistogram) == "line 2: \"h_bucket\" fell from 1 to 0");
  CHECK(prometheus(with("5.5", "5"), kHistogram) == "line 4: \"h_sum\" fell from 5.500000 to 5");
  CHECK(prometheus("# TYPE g gauge\ng 1\n", "# TYPE g gauge\ng 2\n") == "ok");
  CHECK(prometheus("u 1\n", "u 2\n") == "ok");
  CHECK(open_metrics("# TYPE s summary\ns_count 1\n# EOF\n", "# TYPE s summary\ns_count 2\n# EOF\n") ==
        "line 2: \"s_count\" fell from 2 to 1");
  CHECK(open_metrics("# TYPE q gaugehistogram\nq_bucket{le=\"+Inf\"} 1\n# EOF\n",
                     "# TYPE q gaugehistogram\nq_bucket{le=\"+Inf\"} 2\n# EOF\n") == "ok");
}

TEST_CASE("a fault of the previous text is said to be there") {
  CHECK(prometheus("a 1\n", "a one\n") == "in the previous text, line 1: \"one\" is no value");
}

TEST_CASE("only the two texts can be validated") {
  CHECK(verdict(Exposition::kJson, "{}") == "only the two texts can be validated");
}

TEST_CASE("what is missing is reported at the first line of the first metric that misses it") {
  const std::string text =
      "# TYPE h histogram\n"
      "h_bucket{z=\"1\",le=\"1.0\"} 1\nh_count{z=\"1\"} 1\n"
      "h_bucket{a=\"1\",le=\"1.0\"} 1\nh_count{a=\"1\"} 1\n";
  CHECK(prometheus(text) == "line 2: \"h\" has no bucket with le=\"+Inf\"");
}

TEST_CASE("long and unprintable culprits are cut and made visible") {
  CHECK(prometheus("a \x01\n") == "line 1: \"\\x01\" is no value");
  CHECK(prometheus("a " + std::string(1000, 'x') + "\n") == "line 1: \"" + std::string(100, 'x') + "\" is no value");
}

TEST_CASE("what is beyond a double is no value, what is too small for one is 0") {
  for (const char* huge : {"1e400", "0.1e400", "-.5E+999"}) {
    CHECK(prometheus("a " + std::string(huge) + "\n") == "line 1: \"" + std::string(huge) + "\" is no value");
  }
  for (const std::string& tiny : {std::string("1e-400"), "0." + std::string(400, '0') + "1"}) {
    CHECK(prometheus("a " + tiny + "\n") == "ok");
  }
}
