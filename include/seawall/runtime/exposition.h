// SPDX-License-Identifier: MIT
//
// Exposition: the texts in which metrics leave a process, which of them a scraper wants, and whether a text is right.
// MetricsRegistry writes them, at once or in parts.
//
// validate_exposition() is for a host's tests and for texts of others: it reads a whole text by the rules of its format
// (Prometheus text 0.0.4, OpenMetrics 1.0.0) and says what is wrong first, by line and culprit. Syntax is as strict as
// promtool's. Beyond it: one group and one head for each family, no two families with a sample name in common, no
// series twice (an empty label is an absent one, le="1" is le="1.0"), counters not negative, buckets in order and not
// falling, a +Inf bucket that equals the count, exemplars only where they may be. What is merely bad style (a counter
// without _total in the older format, no HELP) passes. Known flaw: it stops at the first fault.
//
// All functions are safe from any thread, take no lock, and know no locale.
//
//   auto checked = seawall::validate_exposition(seawall::Exposition::kPrometheus, body, body_of_the_scrape_before);
//   if (!checked) report(checked.error().message.view());  // line 12: "http_requests_total" fell from 7 to 5
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "seawall/result.h"

namespace seawall {

enum class Exposition : std::int32_t {
  kPrometheus = 0,   // text 0.0.4
  kOpenMetrics = 1,  // text 1.0.0
  kJson = 2,
  kOtlpJson = 3,  // body of a POST to /v1/metrics of an OpenTelemetry receiver
};

std::string_view content_type(Exposition format) noexcept;

// What a scraper that sent this Accept header should get: OpenMetrics or JSON when it names them before (with a higher
// q than, or the same and left of) plain text, else Prometheus text. An empty header means anything. Versions that we
// do not write are passed over. So is escaping=dots, which would change our names; the other schemes of Prometheus 3
// (allow-utf-8, underscores, values) leave names like ours as they are.
Exposition negotiate(std::string_view accept) noexcept;

struct ExpositionOptions {
  Exposition format = Exposition::kPrometheus;
  // For OTLP, which has the instants in each point and the service beside them: since when totals count and when they
  // are read, ns of the host's wall clock, and the value of service.name. The others ignore them. `service` is
  // borrowed.
  std::int64_t start_unix_ns = 0;
  std::int64_t now_unix_ns = 0;
  std::string_view service{};
};

namespace detail {
class PageWalk;
struct FamilyState;
}  // namespace detail

// How far a page has been written; a small value. Valid as long as the registry and what the options borrow. Series may
// come and go between two parts: one that is there all the time is on the page exactly once, one that is made meanwhile
// is on the next page, and the page is right.
class ExpositionCursor {
 public:
  explicit ExpositionCursor(const ExpositionOptions& options = {}) noexcept : options_(options) {}
  const ExpositionOptions& options() const noexcept { return options_; }
  bool done() const noexcept { return stage_ == Stage::kDone; }

 private:
  friend detail::PageWalk;
  enum class Stage : std::uint8_t { kBegin, kFamily, kSeries, kEnd, kDone };

  ExpositionOptions options_;
  const detail::FamilyState* family_ = nullptr;
  std::uint64_t births_ = 0;    // series that were there when the page was begun
  std::uint32_t position_ = 0;  // in the family
  std::uint32_t families_ = 0;  // begun so far
  Stage stage_ = Stage::kBegin;
};

// What one call wrote. `needed`: when it wrote nothing and the page is not done, the size of buffer that the next part
// needs; parts are whole lines, and all lines of a histogram are one part.
struct PagePart {
  std::size_t written = 0;
  std::size_t needed = 0;
};

// What validate_exposition() read.
struct ExpositionSize {
  std::size_t families = 0;
  std::size_t samples = 0;
};

// `previous` is an earlier text of the same process, in the same format: no counter, bucket, count or sum may have
// fallen since. A series may be new or gone. Error: kInvalidArgument, with "line N: " and the culprit in the message.
Result<ExpositionSize> validate_exposition(Exposition format, std::string_view text, std::string_view previous = {});

}  // namespace seawall
