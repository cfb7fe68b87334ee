#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# python.sh PREFIX BINDING PYTHON: pip-installs a copy of the binding, offline, and loads the installed libseawall.so.
set -euo pipefail
prefix=$1 binding=$2 python=$3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cp -r "$binding" "$out/source"
"$python" -m pip install --quiet --no-index --no-deps --no-build-isolation --disable-pip-version-check \
  --root-user-action=ignore --target "$out/site" "$out/source"
cd "$out/site"
env -u SEAWALL_LIBRARY LD_LIBRARY_PATH="$prefix/lib" "$python" -I -c "
import sys; sys.path.insert(0, '$out/site')
import seawall
assert seawall.__file__.startswith('$out/site'), seawall.__file__
print('seawall', seawall.version())
assert any('$prefix/lib/libseawall.so' in line for line in open('/proc/self/maps'))
"
