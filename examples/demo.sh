#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The gateway in front of its four services, judged by the validator.
#
#   examples/demo.sh [BUILD]        BUILD: where the programs were built (build/release)
#   SEAWALL_DEMO_PORT=9000 ...      gateway on 9000, services on 9001 to 9004 (8000)
#
# At a terminal everything keeps running, under a little traffic, until Ctrl-C. Elsewhere, and with CI set, it ends with
# the validator. The exit code is the validator's. Nothing that was started stays behind, however the script ends.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
port=${SEAWALL_DEMO_PORT:-8000}
url=http://127.0.0.1:$port
services=(trading gamification social user)
export PYTHONPATH=$root/bindings/python PYTHONDONTWRITEBYTECODE=1 SEAWALL_LIBRARY=$build/lib/libseawall.so
names=() pids=() # of what was started, in order

fail() {
  echo "demo: $*" >&2
  exit 1
}

# Ends those processes, politely for 12 s.
end() {
  local pid
  kill -TERM "$@" 2>/dev/null || true
  for pid in "$@"; do
    timeout 12 tail --pid="$pid" -s 0.05 -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  done
}

stop() {
  trap '' INT TERM HUP
  ((${#pids[@]} < 2)) || end "${pids[@]:1}" # the gateway last: the services deregister there
  ((${#pids[@]} < 1)) || end "${pids[0]}"
  pids=()
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Starts a program in the background, its output in BUILD/NAME.log, in a session of its own: Ctrl-C is for this script,
# which then ends all of them in order. Should the script be killed, they are told to end by the kernel.
start() {
  local name=$1
  shift
  : >"$build/$name.log" # here, so that it is there and empty before the child opens it
  setpriv --pdeathsig TERM setsid "$@" </dev/null >>"$build/$name.log" 2>&1 &
  names+=("$name") pids+=($!)
}

# Returns when the program started last says where it listens; fails when it ends before, or says nothing for 20 s.
await_listening() {
  local log=$build/${names[-1]}.log end=$((SECONDS + 20))
  until grep -q "listening on " "$log"; do
    if ((SECONDS > end)) || ! kill -0 "${pids[-1]}" 2>/dev/null; then
      tail -n 5 "$log" >&2
      fail "${names[-1]} did not start, see $log"
    fi
    sleep 0.02
  done
}

# Says which of the ports are taken, and by what where that can be known.
free_ports() {
  python3 - "$@" <<'PYTHON'
import glob, os, re, socket, sys

def holder(port):
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as rows:
            for row in list(rows)[1:]:
                cells = row.split()
                if cells[3] == "0A" and int(cells[1].split(":")[1], 16) == port:
                    inodes.add(f"socket:[{cells[9]}]")
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                pid = link.split("/")[2]
                with open(f"/proc/{pid}/comm") as comm:
                    return f"{comm.read().strip()}, pid {pid}"
        except OSError:
            pass
    return "a process of another user"

taken = []
for port in map(int, sys.argv[1:]):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken.append(f"port {port} is taken by {holder(port)}" if error.errno == 98 else f"port {port}: {error.strerror}")
print("\n".join(taken))
PYTHON
}

for program in gateway service; do
  [[ -x $build/bin/seawall-$program ]] || fail "$build/bin/seawall-$program is not built: run make demo"
done
[[ $port =~ ^[0-9]+$ ]] && ((port > 0 && port <= 65531)) || fail "SEAWALL_DEMO_PORT=$port is no port that leaves four more"
taken=$(free_ports "$port" $((port + 1)) $((port + 2)) $((port + 3)) $((port + 4)))
[[ -z $taken ]] || fail "$taken"$'\n'"Stop it, or choose five other ports, as SEAWALL_DEMO_PORT=9000 does."

start gateway "$build/bin/seawall-gateway" --port "$port" --test-endpoints
await_listening
for index in "${!services[@]}"; do
  start "${services[index]}" "$build/bin/seawall-service" --service "${services[index]}" --port $((port + 1 + index)) \
    --gateway "$url"
  await_listening
done

# In the background, so that a signal is answered at once.
code=0
python3 -m seawall.validate --url "$url" --wait 20 --report "$build/deployment_validation_report.json" &
names+=(validator) pids+=($!)
wait $! || code=$?
unset 'names[-1]' 'pids[-1]'
((code == 0)) || echo "The logs of the programs are $build/{gateway,trading,gamification,social,user}.log" >&2

if [[ -t 0 && -t 1 && -z ${CI:-} ]]; then
  start traffic python3 "$root/examples/traffic.py" --url "$url"
  trap 'echo; echo "Stopping."; exit $code' INT
  printf '\n  gateway    %s\n  dashboard  %s/dashboard\n  metrics    %s/metrics\n' "$url" "$url" "$url"
  printf '  services   ports %d to %d\n  logs       %s/*.log\n\nRunning until Ctrl-C.\n' $((port + 1)) $((port + 4)) "$build"
  ended=0
  wait -n -p ended "${pids[@]}" || true
  for index in "${!pids[@]}"; do
    [[ ${pids[index]} != "$ended" ]] || fail "${names[index]} ended by itself, see $build/${names[index]}.log"
  done
fi
exit "$code"
