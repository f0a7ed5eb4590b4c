# SPDX-License-Identifier: Apache-2.0
# gRPC of Java with Netty inside, from Maven Central: a library, for programs such as e2e/apps/grpc_java.
version=1.85.1

get() {
  fill "$here/conf/grpcjava-pom.xml" VERSION=$version >"$home/pom.xml"
  maven_jars "$home/pom.xml" "$home/lib"
  (cd "$home/lib" && sha256sum --strict --check "$here/conf/grpcjava.sha256")
}

tool() { exec java -Xmx512m -cp "$home/lib/*" "$@"; }
