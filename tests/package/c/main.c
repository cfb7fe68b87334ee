/* SPDX-License-Identifier: MIT */
#include <seawall_c.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  printf("seawall %s, ABI %d\n", seawall_version(), (int)seawall_abi_version());
  return strcmp(seawall_version(), SEAWALL_VERSION) != 0 || seawall_abi_version() != SEAWALL_ABI_VERSION;
}
