/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "seawall_c.h"

int main(void) {
  CHECK(strcmp(seawall_version(), SEAWALL_VERSION) == 0);
  CHECK(seawall_abi_version() == SEAWALL_ABI_VERSION);
  CHECK(strcmp(seawall_code_name(SEAWALL_E_FENCED), "SEAWALL_E_FENCED") == 0);
  CHECK(strcmp(seawall_code_name(12345), "unknown") == 0);
  const int64_t first = seawall_now_ns();
  CHECK(seawall_now_ns() >= first);
  return check_result();
}
