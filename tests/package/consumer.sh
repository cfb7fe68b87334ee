#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# consumer.sh CMAKE SOURCE TREE OPTIONS...: configures SOURCE in TREE, builds its program and runs it. Each in a process of
# its own: `ctest --build-and-test` builds with an environment that configuring changed, which ccache takes for another one.
set -euo pipefail
cmake=$1 source=$2 tree=$3
shift 3
"$cmake" -S "$source" -B "$tree" "$@"
"$cmake" --build "$tree" --target consumer
"$tree/consumer"
