# SPDX-License-Identifier: Apache-2.0
# OpenTelemetry Collector from the Go proxy: OTLP in, one JSON line a batch out. Ports: OTLP gRPC, OTLP HTTP.
# What it accepted: otlp.jsonl in the run folder, and at length in its log.
version=0.160.0
default_ports="4317 4318"

# Not by its builder: that runs 'go mod tidy', which asks for modules the proxy lacks (tests of modules need them).
get() {
  mkdir -p "$home/src"
  cp "$here/conf/otelcol/main.go" "$home/src/main.go"
  fill "$here/conf/otelcol/go.mod.in" VERSION="$version" STABLE=1.66.0 >"$home/src/go.mod"
  go_build_in "$home/src" . "$home/otelcol" -mod=mod
}

start() {
  fill "${WEFT_PEER_CONFIG:-$here/conf/otelcol.yaml}" GRPC="${ports[0]}" HTTP="${ports[1]}" RUN="$run" >"$run/config.yaml"
  launch "$home/otelcol" --config "file:$run/config.yaml"
}

ready() { grep -q 'Everything is ready' "$run/log" && listening "${ports[@]}"; }
