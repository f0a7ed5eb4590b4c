# SPDX-License-Identifier: Apache-2.0
# What every peer shares: where things are kept, how a program is built, started, awaited and stopped.
export WEFT_PEERS_DIR=${WEFT_PEERS_DIR:-$HOME/.cache/weft-peers}

die() { echo "peer: $*" >&2; exit 1; }
need() { local c; for c in "$@"; do command -v "$c" >/dev/null || die "$name needs '$c' on the PATH"; done; }

# module_dir MODULE@VERSION: where its source is, once the Go proxy has sent it.
module_dir() {
  need go
  go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p' | grep . || die "the Go proxy has no $1"
}

# go_build MODULE@VERSION PACKAGE OUT [FLAG...]: builds a command inside its own module, so that its replace lines hold.
go_build() {
  local dir
  dir=$(module_dir "$1")
  go_build_in "$dir" "${@:2}"
}

go_build_in() { # DIR PACKAGE OUT [FLAG...]
  local dir=$1 package=$2 out=$3
  shift 3
  GOWORK=off CGO_ENABLED=0 GOFLAGS="-p=${WEFT_PEERS_JOBS:-2} -buildvcs=false" \
    go build -C "$dir" -trimpath -ldflags='-s -w' -o "$out.new" "$@" "$package"
  mv "$out.new" "$out"
}

# maven_jars POM DIR: the jars that POM names, with all they need at run time.
maven_jars() {
  need mvn java
  rm -rf "$2.new"
  mvn -q -B -f "$1" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$2.new"
  rm -rf "$2"
  mv "$2.new" "$2"
}

# port_free PORT: dies when somebody listens there.
port_free() {
  [[ $1 =~ ^[0-9]+$ ]] || die "'$1' is not a port"
  local who
  who=$(ss -Hltnp "sport = :$1")
  [[ -z $who ]] || die "port $1 is taken: $who"
}

# launch COMMAND...: starts it in a session of its own; remembers its pid and start time.
launch() {
  setsid "$@" >"$run/log" 2>&1 </dev/null 9>&- &
  echo $! >"$run/pid"
  started_at $! >"$run/started"
}

# started_at PID: the start time of a process; nothing for one that is gone or a zombie.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }' || true; }

# alive: the program we started still runs (and is not a stranger with the same pid).
alive() {
  local pid
  pid=$(cat "$run/pid" 2>/dev/null) || return 1
  [[ -n $(started_at "$pid") && $(started_at "$pid") == "$(cat "$run/started")" ]]
}

# await SECONDS: until ready says so; on failure the end of the log and nothing left running.
await() {
  local end=$((SECONDS + $1))
  until ready >/dev/null 2>&1; do
    if ! alive || ((SECONDS >= end)); then
      local why="was not ready within $1 s"
      alive || why="ended while starting"
      stop_group
      die "$name $why; the log is $run/log:
$(tail -n 20 "$run/log")"
    fi
    sleep 0.1
  done
}

session_pids() { ps -o pid=,stat= -s "$1" | awk '$2 !~ /^Z/ { print $1 }' || true; }

# remains: it runs, or it ended and left something in its session.
remains() {
  local pid
  pid=$(cat "$run/pid" 2>/dev/null) || return 1
  alive || [[ -z $(started_at "$pid") && -n $(session_pids "$pid") ]]
}

# stop_group: asks the program to end, then what it left in its session, then insists.
stop_group() {
  local pid left i
  pid=$(cat "$run/pid")
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 200; i++)); do
    left=$(session_pids "$pid")
    [[ -n $left ]] || break
    if ((i == 100)) || ! alive; then kill -TERM $left 2>/dev/null || true; fi
    sleep 0.1
  done
  [[ -z $left ]] || kill -KILL $left 2>/dev/null || true
  rm -f "$run/pid" "$run/started"
}

listening() { local p; for p in "$@"; do [[ -n $(ss -Hltn "sport = :$p") ]] || return 1; done; }
http_ok() { curl -fsS -o /dev/null --max-time 2 "$@"; }

# fill FILE [KEY=VALUE...]: prints FILE with @KEY@ replaced.
fill() {
  local file=$1 kv args=()
  shift
  for kv in "$@"; do args+=(-e "s|@${kv%%=*}@|${kv#*=}|g"); done
  sed "${args[@]}" "$file"
}
