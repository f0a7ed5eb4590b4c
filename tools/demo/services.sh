# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The demo's services, sourced by tools/quickstart: everything under one temporary folder, every process known by its pid.
#
#   curl ─► apache2 (gateway) ─► shop (threaded Python) ─┬─► stock (C++) ──┬─► nginx (catalogue)
#                                                        ├─► prices (Perl) ┘
#                                                        └─► Kafka, topic orders ─► shipping (Python) ─► stock
#
# REQUIRES: demo (this folder), dir (the temporary folder, for all to read), build (where demo/stock lies).

service_pids=()   # in the order of their start
declare -A port   # by service
shipping=         # the pid of the one that has none

# run LOG COMMAND…: in the background, without privileges, out of reach of the terminal's Ctrl-C, and gone when this shell
# is gone. The pid is in $!.
run() {
  local log=$1
  shift
  setsid setpriv --reuid nobody --regid nogroup --clear-groups --pdeathsig TERM -- "$@" >"$log" 2>&1 </dev/null &
  disown $!
}

free_ports() { # COUNT FROM: as many free ports, from FROM on
  /usr/bin/python3 - "$1" "$2" <<'PY'
import socket, sys
found = []
for port in range(int(sys.argv[2]), 20000):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    found.append(str(port))
    if len(found) == int(sys.argv[1]):
        print(*found)
        sys.exit()
sys.exit(f"no free ports between {sys.argv[2]} and 19999")
PY
}

choose_ports() { # FROM
  local ports
  ports=$(free_ports 6 "$1") || return 1
  read -r port[gateway] port[shop] port[stock] port[prices] port[catalog] port[metrics] <<<"$ports"
}

answers() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_up() { # NAME
  case $1 in
    broker) [[ -s $work/broker.address ]] ;;
    shipping) true ;; # it asks, nobody asks it
    *) answers "${port[$1]}" ;;
  esac
}

# start NAME COMMAND…: until it is up; its pid is in $pid. A service that ends or stays silent: its last words, and 1.
start() {
  local name=$1 tries
  shift
  run "$work/$name.log" "$@"
  pid=$!
  service_pids+=("$pid")
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    if is_up "$name"; then return 0; fi
    sleep 0.1
  done
  echo "$name does not start${port[$name]:+ on port ${port[$name]}}: $(cat "$work/$name.log" "$work"/{apache2,nginx}.log 2>/dev/null | tail -n 1)" >&2
  return 1
}

fill_in() { # TEMPLATE PORT: with what is between @ signs replaced
  sed "s|@DIR@|$work|g; s|@PORT@|$2|g; s|@SHOP_PORT@|${port[shop]}|g" "$demo/$1" >"$work/${1%.in}"
}

start_all() {
  work=$dir/services # theirs: they may write here
  install -d -o nobody -g nogroup "$work" || return 1
  # Copies: a clone under a home folder is not for others to read.
  install -m 755 "$demo"/{broker,shop,shipping}.py "$demo/prices.pl" "$build/demo/stock" "$work/" || return 1
  fill_in catalog.conf.in "${port[catalog]}"
  fill_in gateway.conf.in "${port[gateway]}"
  local pid broker
  start broker /usr/bin/python3 "$work/broker.py" "$work/broker.address" || return 1
  broker=$(<"$work/broker.address")
  start catalog nginx -p "$work" -c "$work/catalog.conf" -e "$work/nginx.log" &&
    start prices /usr/bin/perl "$work/prices.pl" "${port[prices]}" "${port[catalog]}" &&
    start stock "$work/stock" "${port[stock]}" "${port[catalog]}" &&
    start shop /usr/bin/python3 "$work/shop.py" "${port[shop]}" "${port[stock]}" "${port[prices]}" "$broker" &&
    start shipping /usr/bin/python3 "$work/shipping.py" "$broker" "${port[stock]}" &&
    shipping=$pid &&
    start gateway apache2 -D FOREGROUND -f "$work/gateway.conf"
}

# Another program may take a port between the look and the bind: then with others.
start_services() {
  local from
  for from in 18080 $((18200 + RANDOM % 800)) $((19000 + RANDOM % 900)); do
    choose_ports "$from" || return 1
    if start_all; then return 0; fi
    end "${service_pids[@]}"
    service_pids=()
  done
  return 1
}

# end PID…: TERM, and KILL to what is there after five seconds. No `wait`: in an exit trap bash 5.2 now and then waits
# for ever for a child that it has reaped already.
end() {
  local pid tries
  for pid; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid; do
    for ((tries = 0; tries < 60; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      ((tries != 50)) || kill -KILL -- "-$pid" "$pid" 2>/dev/null || true
      sleep 0.1
    done
  done
}
