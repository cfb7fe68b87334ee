// SPDX-License-Identifier: MIT
#include "gateway/page.h"

// The assembler copies the file in: no string literal is long enough for compilers everywhere.
asm(".pushsection .rodata\n"
    "seawall_dashboard_page:\n"
    ".incbin \"" SEAWALL_DASHBOARD_PAGE
    "\"\n"
    "seawall_dashboard_page_end:\n"
    ".popsection\n");

extern "C" {
extern const char seawall_dashboard_page[] __attribute__((visibility("hidden")));
extern const char seawall_dashboard_page_end[] __attribute__((visibility("hidden")));
}

std::string_view dashboard_page() noexcept {
  return {seawall_dashboard_page, static_cast<std::size_t>(seawall_dashboard_page_end - seawall_dashboard_page)};
}
