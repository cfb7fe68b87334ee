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
redis=$(compgen -G "$prefix/lib/libseawall_redis.so*" | head -1 || true)
env -u SEAWALL_LIBRARY -u SEAWALL_REDIS_LIBRARY LD_LIBRARY_PATH="$prefix/lib" "$python" -I -c "
import sys; sys.path.insert(0, '$out/site')
import seawall
assert seawall.__file__.startswith('$out/site'), seawall.__file__
print('seawall', seawall.version())
def loaded(library):
    return any(f'$prefix/lib/{library}.so' in line for line in open('/proc/self/maps'))
assert loaded('libseawall')
if '$redis':
    import seawall.redis
    seawall.redis.Store('127.0.0.1:1').stats()
    assert loaded('libseawall_redis')
"
