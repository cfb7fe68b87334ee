// SPDX-License-Identifier: MIT
#include "metrics/exposition_page.h"

#include "metrics/exposition_printer.h"
#include "metrics/metrics_state.h"

namespace seawall::detail {
namespace {

const ExpositionPrinter& printer_of(Exposition format) noexcept {
  switch (format) {
    case Exposition::kOpenMetrics:
      return kOpenMetricsPrinter;
    case Exposition::kJson:
      return kJsonPrinter;
    case Exposition::kOtlpJson:
      return kOtlpPrinter;
    case Exposition::kPrometheus:
      break;
  }
  return kPrometheusPrinter;
}

}  // namespace

class PageWalk {
 public:
  PageWalk(const FamilyState* first, std::span<char> buffer, const ExpositionOptions& options) noexcept
      : first_(first), options_(options), printer_(printer_of(options.format)), out_(buffer) {}

  // One unit: the document's head, a family's head with its first series, a series, a family's end, the end.
  void step(ExpositionCursor& at) noexcept {
    using Stage = ExpositionCursor::Stage;
    switch (at.stage_) {
      case Stage::kBegin:
        printer_.begin(out_, options_);
        at.births_ = first_ == nullptr ? 0 : first_->owner->births();
        return enter(at, first_);
      case Stage::kFamily:
        return family(at);
      case Stage::kSeries:
        return series(at);
      case Stage::kEnd:
        printer_.end(out_);
        at.stage_ = Stage::kDone;
        return;
      case Stage::kDone:
        return;
    }
  }

  PageWriter& out() noexcept { return out_; }

 private:
  static void enter(ExpositionCursor& at, const FamilyState* family) noexcept {
    at.family_ = family;
    at.position_ = 0;
    at.stage_ = family != nullptr ? ExpositionCursor::Stage::kFamily : ExpositionCursor::Stage::kEnd;
  }

  // A family without series is left out.
  void family(ExpositionCursor& at) noexcept {
    const FamilyState& family = *at.family_;
    if (!reader_.next(family, at.position_, at.births_)) return enter(at, family.next());
    printer_.begin_family(out_, family.definition, at.families_++ == 0);
    printer_.series(out_, family.definition, reader_, true, options_);
    at.stage_ = ExpositionCursor::Stage::kSeries;
  }

  void series(ExpositionCursor& at) noexcept {
    const FamilyState& family = *at.family_;
    if (reader_.next(family, at.position_, at.births_)) {
      return printer_.series(out_, family.definition, reader_, false, options_);
    }
    printer_.end_family(out_, family.definition);
    enter(at, family.next());
  }

  const FamilyState* const first_;
  const ExpositionOptions& options_;
  const ExpositionPrinter& printer_;
  PageWriter out_;
  SeriesReader reader_;
};

PagePart render_part(const FamilyState* first, ExpositionCursor& cursor, std::span<char> buffer) noexcept {
  PageWalk walk(first, buffer, cursor.options());
  while (!cursor.done()) {
    ExpositionCursor next = cursor;
    walk.step(next);
    if (!walk.out().commit()) break;
    cursor = next;
  }
  const std::size_t written = walk.out().written();
  return {.written = written, .needed = written == 0 && !cursor.done() ? walk.out().needed() : 0};
}

}  // namespace seawall::detail
