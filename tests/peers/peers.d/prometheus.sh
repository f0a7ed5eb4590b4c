# SPDX-License-Identifier: Apache-2.0
# Prometheus and promtool, from the Go proxy, without the page and without cloud discovery. Port: API, remote write and OTLP receiver.
# Scrape targets: write targets.json (file_sd) into the run folder. 'peer run prometheus ...' is promtool.
version=0.316.0
default_ports="9090"

get() {
  go_build "github.com/prometheus/prometheus@v$version" ./cmd/promtool "$home/promtool" -tags remove_all_sd
  go_build "github.com/prometheus/prometheus@v$version" ./cmd/prometheus "$home/prometheus" -tags remove_all_sd
}

start() {
  fill "${WEFT_PEER_CONFIG:-$here/conf/prometheus.yml}" RUN="$run" >"$run/prometheus.yml"
  [[ -e $run/targets.json ]] || echo '[]' >"$run/targets.json"
  launch "$home/prometheus" --config.file="$run/prometheus.yml" --storage.tsdb.path="$run/data" \
    --web.listen-address="127.0.0.1:${ports[0]}" --web.enable-lifecycle \
    --web.enable-remote-write-receiver --web.enable-otlp-receiver
}

ready() { http_ok "http://127.0.0.1:${ports[0]}/-/ready"; }
tool() { exec "$home/promtool" "$@"; }
