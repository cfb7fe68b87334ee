// SPDX-License-Identifier: MIT
#include <seawall/dns/dns_source.h>

int main() { return seawall::DnsSource::make({}).ok() ? 0 : 1; }
