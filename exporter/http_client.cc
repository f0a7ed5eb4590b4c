// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_client.h"

#include <curl/curl.h>
#include <strings.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "base/clock.h"
#include "exporter/gzip.h"
#include "exporter/retry.h"

namespace weft {
namespace {

constexpr std::size_t max_header_bytes = 64 * 1024;  // of one answer

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (!list) list.reset(longer);  // else it is the same one
}

Result<void> check_url(const std::string& text) {
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  const auto hint = [&](const char* why) { return fail("exporter endpoint '" + text + "': " + why); };
  if (!url || text.empty() || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return hint("not a URL; write http://host:port/path or https://…");
  char* scheme = nullptr;
  if (curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    return hint("no scheme; write http:// or https://");
  const std::string name(scheme);
  curl_free(scheme);
  if (name != "http" && name != "https") return hint("only http:// and https:// are known");
  return {};
}

Result<void> check_file(const std::string& path, const char* what) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  return fail(std::string("exporter tls ") + what + " '" + path + "': cannot be read");
}

Result<void> check(const std::string& url, const HttpClientOptions& options) {
  if (auto fine = check_url(url); !fine) return fine;
  if (auto fine = check_file(options.tls.ca, "ca"); !fine) return fine;
  if (auto fine = check_file(options.tls.cert, "cert"); !fine) return fine;
  if (auto fine = check_file(options.tls.key, "key"); !fine) return fine;
  if (options.tls.cert.empty() != options.tls.key.empty())
    return fail("exporter tls: cert and key are needed together");
  for (const auto& [name, value] : options.headers)
    if (name.empty() || has_line_break(name) || has_line_break(value) || name.find(':') != name.npos)
      return fail("exporter headers: '" + name + "' is not a header");
  return {};
}

// One word for counters and log.
std::string error_word(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "resolve";
    case CURLE_COULDNT_CONNECT:
      return "connect";
    case CURLE_OPERATION_TIMEDOUT:
      return "timeout";
    case CURLE_PARTIAL_FILE:
      return "incomplete";
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return "reset";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return "tls";
    default:
      return "protocol";
  }
}

}  // namespace

struct HttpClient::Impl {
  std::string url;
  HttpClientOptions options;
  std::unique_ptr<CURLM, MultiDeleter> multi;
  std::unique_ptr<CURL, EasyDeleter> easy;
  Gzip gzip;
  SystemClock clock;
  std::atomic<bool> cancelled{false};

  // Of the request at hand.
  HttpResponse response;
  std::size_t header_bytes = 0;
  bool cut = false;  // the body was longer than we read
  char error_text[CURL_ERROR_SIZE] = {};

  void set_up();
  HeaderList headers(std::string_view content_type, bool compressed) const;
  void begin();
  CURLcode perform();
  HttpResponse finish(CURLcode code);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
};

void HttpClient::Impl::set_up() {
  CURL* c = easy.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_PROXY, "");  // http_proxy of the agent's environment is not meant for this
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name look-up that hangs
  curl_easy_setopt(c, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "weft");
  curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.tls.ca.empty()) {
    curl_easy_setopt(c, CURLOPT_CAINFO, options.tls.ca.c_str());
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);  // else the system's directory is trusted besides
  }
  if (!options.tls.cert.empty()) {
    curl_easy_setopt(c, CURLOPT_SSLCERT, options.tls.cert.c_str());
    curl_easy_setopt(c, CURLOPT_SSLKEY, options.tls.key.c_str());
    curl_easy_setopt(c, CURLOPT_KEYPASSWD, "");  // an encrypted key is an error, not a question at the terminal
  }
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &Impl::on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, &Impl::on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, this);
}

HeaderList HttpClient::Impl::headers(std::string_view content_type, bool compressed) const {
  HeaderList list;
  append(list, "Content-Type: " + std::string(content_type));
  append(list, "Expect:");  // no round trip before the body
  if (compressed) append(list, "Content-Encoding: gzip");
  for (const auto& [name, value] : options.headers)
    append(list, value.empty() ? name + ";" : name + ": " + value);  // libcurl: "name;" = empty value
  return list;
}

std::size_t HttpClient::Impl::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& impl = *static_cast<Impl*>(self);
  const std::size_t bytes = size * count;
  const std::size_t room = impl.options.max_response_bytes - impl.response.body.size();
  impl.response.body.append(data, std::min(bytes, room));
  impl.cut = bytes > room;
  return impl.cut ? CURL_WRITEFUNC_ERROR : bytes;
}

std::size_t HttpClient::Impl::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& impl = *static_cast<Impl*>(self);
  const std::string_view line(data, size * count);
  impl.header_bytes += line.size();
  if (impl.header_bytes > max_header_bytes) return 0;
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return line.size();
  std::string name(line.substr(0, colon)), value(line.substr(colon + 1));
  value.erase(0, value.find_first_not_of(" \t"));
  value.erase(value.find_last_not_of(" \t\r\n") + 1);
  if (strcasecmp(name.c_str(), "retry-after") == 0)
    impl.response.retry_after = parse_retry_after(value, impl.clock.unix_ns());
  if (strcasecmp(name.c_str(), "content-type") == 0) impl.response.content_type = value;
  return line.size();
}

// The multi interface, because its poll can be woken by cancel().
CURLcode HttpClient::Impl::perform() {
  if (curl_multi_add_handle(multi.get(), easy.get()) != CURLM_OK) return CURLE_FAILED_INIT;
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  int running = 1;
  while (running != 0 && !cancelled) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    if (running != 0 && !cancelled) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left))
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  curl_multi_remove_handle(multi.get(), easy.get());
  return code;
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::create(const std::string& url, HttpClientOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (auto fine = check(url, options); !fine) return std::unexpected(fine.error());
  auto impl = std::make_unique<Impl>();
  impl->url = url;
  impl->options = std::move(options);
  impl->multi.reset(curl_multi_init());
  impl->easy.reset(curl_easy_init());
  if (!impl->multi || !impl->easy) return fail("exporter: libcurl cannot be initialised");
  curl_multi_setopt(impl->multi.get(), CURLMOPT_MAXCONNECTS, 1L);
  impl->set_up();
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

void HttpClient::Impl::begin() {
  response = {};
  header_bytes = 0;
  cut = false;
  error_text[0] = '\0';
}

HttpResponse HttpClient::Impl::finish(CURLcode code) {
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.whole = !cut;
  if (cancelled) {
    response.error = "cancelled";
  } else if (code != CURLE_OK && !cut) {  // a body that is merely too long is an answer
    response.error = status != 0 && error_word(code) == "reset" ? "incomplete" : error_word(code);
    response.detail = error_text[0] != '\0' ? error_text : curl_easy_strerror(code);
  }
  return std::move(response);
}

HttpResponse HttpClient::post(std::string_view content_type, std::string_view body) {
  Impl& impl = *impl_;
  impl.begin();
  std::optional<std::string_view> compressed;
  if (impl.options.gzip) compressed = impl.gzip.compress(body);
  if (compressed) body = *compressed;
  const HeaderList headers = impl.headers(content_type, compressed.has_value());
  curl_easy_setopt(impl.easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(impl.easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  const char* const bytes = body.data();  // as many as was said
  curl_easy_setopt(impl.easy.get(), CURLOPT_POSTFIELDS, bytes);
  return impl.finish(impl.perform());
}

HttpResponse HttpClient::get(const std::string& url) {
  Impl& impl = *impl_;
  impl.begin();
  curl_easy_setopt(impl.easy.get(), CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(impl.easy.get(), CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(impl.easy.get(), CURLOPT_URL, url.c_str());
  return impl.finish(impl.perform());
}

void HttpClient::cancel() {
  impl_->cancelled = true;
  curl_multi_wakeup(impl_->multi.get());
}

ExportResult judge(const HttpResponse& response) {
  using Outcome = ExportResult::Outcome;
  if (!response.error.empty()) return {.outcome = Outcome::retry, .reason = response.error, .detail = response.detail};
  if (response.status >= 200 && response.status < 300) return {};
  ExportResult result{.outcome = Outcome::refused, .reason = "http_" + std::to_string(response.status)};
  if (response.content_type.starts_with("text/plain")) result.detail = response.body.substr(0, 200);
  switch (response.status) {
    case 429:
    case 502:
    case 503:
    case 504:
      result.outcome = Outcome::retry;
      result.retry_after = response.retry_after;
      break;
    case 413:
      result.outcome = Outcome::too_large;
      break;
    default:
      break;
  }
  return result;
}

}  // namespace weft
