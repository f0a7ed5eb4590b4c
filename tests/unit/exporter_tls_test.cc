// SPDX-License-Identifier: Apache-2.0
// TLS with a CA of its own and client certificates, all made here.
#include <doctest/doctest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "exporter/otlp/otlp_exporter.h"
#include "exporter/zipkin/zipkin_exporter.h"
#include "support/sample_spans.h"

namespace weft {
namespace {

using Outcome = ExportResult::Outcome;

struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct CertDeleter {
  void operator()(X509* cert) const { X509_free(cert); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;
using Cert = std::unique_ptr<X509, CertDeleter>;

struct Identity {
  Key key;
  Cert cert;
};

void add_extension(X509* cert, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  REQUIRE(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself.
Identity make_identity(const char* name, const Identity* issuer, const char* alt_name = nullptr) {
  Identity id{.key = Key(EVP_EC_gen("P-256")), .cert = Cert(X509_new())};
  REQUIRE(id.key);
  X509* cert = id.cert.get();
  static long serial = 1;
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, id.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(issuer != nullptr ? issuer->cert.get() : cert));
  if (issuer == nullptr) add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
  if (alt_name != nullptr) add_extension(cert, NID_subject_alt_name, alt_name);
  REQUIRE(X509_sign(cert, issuer != nullptr ? issuer->key.get() : id.key.get(), EVP_sha256()) > 0);
  return id;
}

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-tls-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const Identity& id) const {
    std::FILE* cert = std::fopen(file(name + ".crt").c_str(), "w");
    PEM_write_X509(cert, id.cert.get());
    std::fclose(cert);
    std::FILE* key = std::fopen(file(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(key, id.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(key);
  }

 private:
  std::filesystem::path path_;
};

// Wants a client certificate of our CA.
struct TlsServer {
  explicit TlsServer(const Directory& files)
      : server(files.file("server.crt").c_str(), files.file("server.key").c_str(), files.file("ca.crt").c_str()) {
    server.Post("/(v1/traces|api/v2/spans)", [this](const httplib::Request&, httplib::Response& response) {
      requests++;
      response.set_content("", "application/x-protobuf");
    });
    port = server.bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~TlsServer() {
    server.stop();
    thread.join();
  }
  httplib::SSLServer server;
  std::thread thread;
  int port = 0;
  std::atomic<int> requests{0};
};

struct Fixture {
  Directory files;
  Fixture() {
    const Identity ca = make_identity("test ca", nullptr), other_ca = make_identity("other ca", nullptr);
    files.write("ca", ca);
    files.write("other_ca", other_ca);
    files.write("server", make_identity("server", &ca, "IP:127.0.0.1"));
    files.write("client", make_identity("client", &ca));
    files.write("stranger", make_identity("stranger", &other_ca));
  }
  bool zipkin = false;
  Result<std::unique_ptr<Exporter>> make(const std::string& url, TlsOptions tls) const {
    if (zipkin) return make_zipkin_exporter({.endpoint = url + "/api/v2/spans", .http = {.tls = std::move(tls)}});
    return make_otlp_exporter({.endpoint = url, .http = {.gzip = true, .tls = std::move(tls)}});
  }
  ExportResult send(const std::string& url, TlsOptions tls) const {
    auto exporter = make(url, std::move(tls));
    REQUIRE(exporter);
    return (*exporter)->send({test::share(test::sample_server_span())});
  }
};

void who_is_trusted(const Fixture& f) {
  TlsServer server(f.files);
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port);
  const std::string ca = f.files.file("ca.crt"), other_ca = f.files.file("other_ca.crt");
  const std::string cert = f.files.file("client.crt"), key = f.files.file("client.key");

  SUBCASE("right CA and client certificate") {
    CHECK(f.send(url, {.ca = ca, .cert = cert, .key = key}).outcome == Outcome::accepted);
    CHECK(server.requests == 1);
  }
  SUBCASE("a server of another CA is not trusted") {
    const ExportResult result = f.send(url, {.ca = other_ca, .cert = cert, .key = key});
    CHECK(result.outcome == Outcome::retry);
    CHECK(result.reason == "tls");
    CHECK(server.requests == 0);
  }
  SUBCASE("nor is one that only the system's CAs could vouch for") {
    CHECK(f.send(url, {.cert = cert, .key = key}).reason == "tls");
    CHECK(server.requests == 0);
  }
  SUBCASE("a certificate for another name is not taken") {
    const std::string by_name = "https://localhost:" + std::to_string(server.port);
    CHECK(f.send(by_name, {.ca = ca, .cert = cert, .key = key}).reason == "tls");
    CHECK(server.requests == 0);
  }
  SUBCASE("without a client certificate, or with a stranger's, the server refuses") {
    CHECK(f.send(url, {.ca = ca}).outcome == Outcome::retry);
    CHECK(f.send(url, {.ca = ca, .cert = f.files.file("stranger.crt"), .key = f.files.file("stranger.key")}).outcome ==
          Outcome::retry);
    CHECK(server.requests == 0);
  }
}

TEST_CASE("tls: who is trusted and who is let in by OTLP") { who_is_trusted({}); }

TEST_CASE("tls: who is trusted and who is let in by Zipkin") {
  Fixture f;
  f.zipkin = true;
  who_is_trusted(f);
}

}  // namespace
}  // namespace weft
