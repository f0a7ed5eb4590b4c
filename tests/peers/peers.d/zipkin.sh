# SPDX-License-Identifier: Apache-2.0
# Zipkin, in-memory storage, from Maven Central. Port: its API and page.
version=3.6.1
default_ports="9411"
limit=90

get() {
  fill "$here/conf/zipkin-pom.xml" VERSION=$version >"$home/pom.xml"
  maven_jars "$home/pom.xml" "$home/lib"
}

start() {
  STORAGE_TYPE=mem launch java -Xms64m -Xmx384m -jar "$home/lib/zipkin-server-$version-exec.jar" \
    --armeria.ports[0].ip=127.0.0.1 --armeria.ports[0].port="${ports[0]}" --armeria.ports[0].protocols[0]=http
}

ready() { http_ok "http://127.0.0.1:${ports[0]}/health"; }
