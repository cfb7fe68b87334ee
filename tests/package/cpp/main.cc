// SPDX-License-Identifier: MIT
#include <seawall/seawall.h>

int main() { return seawall::to_ns(seawall::Clock::now()) > 0 ? 0 : 1; }
