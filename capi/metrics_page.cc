// SPDX-License-Identifier: MIT
#include <new>
#include <span>

#include "metrics_handle.h"
#include "seawall/runtime/exposition.h"

using seawall::Exposition;
using seawall::ExpositionCursor;
using namespace seawall::capi;

namespace {

// What lies in a seawall_metrics_page.
// with it.
struct LivePage {
  static constexpr std::uint32_t kTag = 0x53574D02;
  std::uint32_t tag = kTag;
  const seawall_metrics* metrics;
  ExpositionCursor cursor;
};
static_assert(sizeof(LivePage) <= sizeof(seawall_metrics_page) && std::is_trivially_copyable_v<LivePage>);
static_assert(alignof(std::uint64_t) % alignof(LivePage) == 0);  // of the words of a seawall_metrics_page

// NULL when no page was begun in the caller's memory, which may hold anything.
LivePage* live(seawall_metrics_page* page) noexcept {
  if (page == nullptr) return nullptr;
  std::uint32_t tag;
  std::memcpy(&tag, page, sizeof tag);
  return tag == LivePage::kTag ? std::launder(reinterpret_cast<LivePage*>(page)) : nullptr;
}

}  // namespace

extern "C" {

int32_t seawall_metrics_page_options_init(seawall_metrics_page_options* options) noexcept {
  return init_options(options);
}

int32_t seawall_metrics_page_begin(const seawall_metrics* metrics, const seawall_metrics_page_options* options,
                                   seawall_metrics_page* page, seawall_error* error) noexcept {
  if (!valid(metrics)) return wrong_handle(error, "metrics is no metrics handle");
  if (page == nullptr) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "page is NULL");
  seawall_metrics_page_options read{};
  if (!read_options(options, read)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "options.struct_size is wrong");
  if (!is_format(read.format)) return fail(error, SEAWALL_E_INVALID_ARGUMENT, "format is none of SEAWALL_FORMAT_*");
  if (!readable(read.service.data, read.service.size)) {
    return fail(error, SEAWALL_E_INVALID_ARGUMENT, "service is NULL");
  }
  new (page->opaque) LivePage{.metrics = metrics,
                              .cursor = ExpositionCursor({.format = static_cast<Exposition>(read.format),
                                                          .start_unix_ns = read.start_unix_ns,
                                                          .now_unix_ns = read.now_unix_ns,
                                                          .service = text_in(read.service.data, read.service.size)})};
  return SEAWALL_OK;
}

int32_t seawall_metrics_page_next(seawall_metrics_page* page, char* buffer, size_t capacity, size_t* written,
                                  size_t* needed) noexcept {
  if (written != nullptr) *written = 0;
  if (needed != nullptr) *needed = 0;
  LivePage* found = live(page);
  if (found == nullptr) return SEAWALL_E_WRONG_HANDLE;
  if (written == nullptr) return SEAWALL_E_INVALID_ARGUMENT;
  const std::span<char> into(buffer, buffer == nullptr ? 0 : capacity);
  const seawall::PagePart part = found->metrics->rep.render_part(found->cursor, into);
  *written = part.written;
  if (found->cursor.done()) return SEAWALL_PAGE_DONE;
  if (part.written != 0) return SEAWALL_PAGE_MORE;
  if (needed != nullptr) *needed = part.needed;
  return SEAWALL_E_BUFFER_TOO_SMALL;
}

}  // extern "C"
