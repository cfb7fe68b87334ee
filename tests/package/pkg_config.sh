#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pkg_config.sh PREFIX CONSUMERS CC CXX: builds the C and the C++ consumer with the flags that pkg-config prints.
set -euo pipefail
prefix=$1 consumers=$2 cc=$3 cxx=$4
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

test "$(pkg-config --modversion seawall)" = "$(pkg-config --modversion seawall-cpp)"
# shellcheck disable=SC2046  # flags are words
"$cc" -std=c99 "$consumers/c/main.c" -o "$out/c" $(pkg-config --cflags --libs seawall)
"$out/c"
# shellcheck disable=SC2046
"$cxx" -std=c++20 "$consumers/cpp/main.cc" -o "$out/cpp" $(pkg-config --cflags --libs seawall-cpp)
"$out/cpp"
for part in dns redis-cpp; do
  if pkg-config --exists seawall-$part; then
    # shellcheck disable=SC2046
    "$cxx" -std=c++20 "$consumers/${part%-cpp}/main.cc" -o "$out/$part" $(pkg-config --cflags --libs seawall-$part)
    "$out/$part"
  fi
done
if pkg-config --exists seawall-redis; then
  # shellcheck disable=SC2046
  "$cc" -std=c99 "$consumers/redis_c/main.c" -o "$out/redis_c" $(pkg-config --cflags --libs seawall-redis)
  "$out/redis_c"
fi
