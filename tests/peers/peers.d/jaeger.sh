# SPDX-License-Identifier: Apache-2.0
# Jaeger v2 (its command ships in the v1.76 module), in-memory, from the Go proxy; the page is a placeholder.
# Ports: query API, OTLP gRPC, OTLP HTTP, remote sampling HTTP, remote sampling gRPC.
version=1.76.0
default_ports="16686 4317 4318 5778 5779"

get() { go_build "github.com/jaegertracing/jaeger@v$version" ./cmd/jaeger "$home/jaeger"; }

start() {
  # A test may rewrite this file; Jaeger reads it again every second.
  cp "${WEFT_JAEGER_SAMPLING:-$here/conf/jaeger-sampling.json}" "$run/sampling.json"
  fill "${WEFT_PEER_CONFIG:-$here/conf/jaeger.yaml}" QUERY="${ports[0]}" GRPC="${ports[1]}" HTTP="${ports[2]}" \
    SAMPLING="${ports[3]}" SAMPLING_GRPC="${ports[4]}" RUN="$run" >"$run/config.yaml"
  launch "$home/jaeger" --config "$run/config.yaml"
}

ready() { listening "${ports[@]}" && http_ok "http://127.0.0.1:${ports[0]}/api/services"; }
