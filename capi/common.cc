// SPDX-License-Identifier: MIT
#include "internal.h"

extern "C" {

const char* seawall_version(void) noexcept { return SEAWALL_VERSION; }

int32_t seawall_abi_version(void) noexcept { return SEAWALL_ABI_VERSION; }

int64_t seawall_now_ns(void) noexcept { return seawall::to_ns(seawall::Clock::now()); }

const char* seawall_code_name(int32_t code) noexcept {
  switch (code) {
    case SEAWALL_OK:
      return "SEAWALL_OK";
    case SEAWALL_E_INVALID_ARGUMENT:
      return "SEAWALL_E_INVALID_ARGUMENT";
    case SEAWALL_E_WRONG_HANDLE:
      return "SEAWALL_E_WRONG_HANDLE";
    case SEAWALL_E_NO_MEMORY:
      return "SEAWALL_E_NO_MEMORY";
    case SEAWALL_E_BUFFER_TOO_SMALL:
      return "SEAWALL_E_BUFFER_TOO_SMALL";
    case SEAWALL_E_NOT_FOUND:
      return "SEAWALL_E_NOT_FOUND";
    case SEAWALL_E_ALREADY_EXISTS:
      return "SEAWALL_E_ALREADY_EXISTS";
    case SEAWALL_E_FENCED:
      return "SEAWALL_E_FENCED";
    case SEAWALL_E_FULL:
      return "SEAWALL_E_FULL";
    case SEAWALL_E_INTERNAL:
      return "SEAWALL_E_INTERNAL";
    default:
      return "unknown";
  }
}

}  // extern "C"
