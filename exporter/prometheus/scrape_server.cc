// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/scrape_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <semaphore>
#include <sstream>
#include <system_error>
#include <thread>

#include "exporter/signals_blocked.h"

namespace weft {
namespace {

constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* text_type = "text/plain; charset=utf-8";
constexpr std::size_t threads = 4;
constexpr std::size_t max_waiting = 32;  // accepted connections without a thread

// A fixed pool that makes the accepting thread wait when much is waiting already; the backlog of the kernel is the
// rest.
class BoundedPool final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    room_.acquire();
    pool_.enqueue([this, task = std::move(task)] {
      room_.release();
      task();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::counting_semaphore<max_waiting> room_{max_waiting};
  httplib::ThreadPool pool_{threads};
};

bool is_connection_to(int fd, int port) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening != 0) return false;
  sockaddr_storage address{};
  size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port) == port;
  return address.ss_family == AF_INET6 && ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port) == port;
}

// The library bounds each read but not a request, and does not tell its sockets; so a client that drips could hold up
// the end of the agent for hours. The sockets are found by their local port.
void shut_connections(int port) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    if (is_connection_to(fd, port)) ::shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace

struct ScrapeServer::Impl {
  ScrapeOptions options;
  std::vector<const prometheus::Collectable*> sources;
  ListenAddress address;
  httplib::Server server;
  std::thread thread;
  std::future<void> ended;  // of the thread

  void set_up();
  void add_pages();
  Result<void> bind();
  std::string metrics() const;
};

void ScrapeServer::Impl::set_up() {
  // Not the library's default, SO_REUSEPORT: with it a port in use would not be noticed.
  server.set_socket_options([](int fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  server.new_task_queue = [] { return new BoundedPool; };
  server.set_read_timeout(5);
  server.set_write_timeout(5);
  server.set_keep_alive_timeout(2);
  server.set_keep_alive_max_count(100);
  server.set_payload_max_length(16 * 1024);
  server.set_exception_handler([](const auto&, httplib::Response& response, const std::exception_ptr&) {
    response.status = 500;
    response.set_content("internal error\n", text_type);
  });
  server.set_error_handler([](const auto&, httplib::Response& response) {
    if (response.body.empty()) response.set_content(fmt::format("{}\n", response.status), text_type);
  });
  add_pages();
}

void ScrapeServer::Impl::add_pages() {
  // The path is text, the library wants a regular expression; so it is compared here.
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    using Handled = httplib::Server::HandlerResponse;
    if (request.method != "GET" && request.method != "HEAD") {
      response.status = 405;
      response.set_header("Allow", "GET, HEAD");
      response.set_content("only GET\n", text_type);
    } else if (request.path == options.path) {
      response.status = 200;
      response.set_content(metrics(), metrics_type);
    } else if (request.path == "/healthz") {
      response.status = 200;
      response.set_content("ok\n", text_type);
    } else if (request.path == "/readyz") {
      const auto reason = options.not_ready ? options.not_ready() : std::nullopt;
      response.status = reason ? 503 : 200;
      response.set_content(reason ? *reason + "\n" : "ok\n", text_type);
    } else {
      response.status = 404;
      response.set_content("not found\n", text_type);
    }
    return Handled::Handled;
  });
}

Result<void> ScrapeServer::Impl::bind() {
  errno = 0;
  if (address.port == 0)
    address.port = server.bind_to_any_port(address.host);
  else if (!server.bind_to_port(address.host, address.port))
    address.port = -1;
  if (address.port > 0) return {};
  const int error = errno;
  const char* advice = error == EADDRINUSE ? "; choose another port or stop the program that holds it" : "";
  return fail(fmt::format("exporters.prometheus.listen {}: {}{}", options.listen,
                          error != 0 ? std::strerror(error) : "cannot listen there", advice));
}

std::string ScrapeServer::Impl::metrics() const {
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* source : sources)
    for (auto& family : source->Collect()) families.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

ScrapeServer::ScrapeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ScrapeServer::~ScrapeServer() {
  impl_->server.stop();
  while (impl_->ended.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready)
    shut_connections(impl_->address.port);
  impl_->thread.join();
}

int ScrapeServer::port() const { return impl_->address.port; }

std::string ScrapeServer::url() const {
  const std::string& host = impl_->address.host;
  const bool brackets = host.find(':') != host.npos;
  return fmt::format("http://{}{}{}:{}{}", brackets ? "[" : "", host, brackets ? "]" : "", port(), impl_->options.path);
}

Result<std::unique_ptr<ScrapeServer>> ScrapeServer::start(ScrapeOptions options,
                                                          std::vector<const prometheus::Collectable*> sources) {
  auto address = parse_listen_address(options.listen);
  if (!address) return fail("exporters.prometheus.listen: " + address.error().message);
  if (!options.path.starts_with('/'))
    return fail("exporters.prometheus.path: '" + options.path + "' must begin with /");
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->sources = std::move(sources);
  impl->address = *address;
  impl->set_up();
  if (auto bound = impl->bind(); !bound) return std::unexpected(bound.error());
  std::packaged_task<void()> serve([server = &impl->server] { server->listen_after_bind(); });
  impl->ended = serve.get_future();
  {
    const SignalsBlocked blocked;
    impl->thread = std::thread(std::move(serve));
  }
  // stop() does nothing to a server that does not run yet, and the destructor would wait for ever.
  while (!impl->server.is_running()) std::this_thread::yield();
  return std::unique_ptr<ScrapeServer>(new ScrapeServer(std::move(impl)));
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto bad = [&](const char* why) { return fail(fmt::format("'{}': {}", text, why)); };
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return bad("write host:port");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.starts_with('[') != host.ends_with(']') || (host.find(':') != host.npos && !host.starts_with('[')))
    return bad("write an IPv6 address in brackets, as [::1]:9464");
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  int port = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port < 0 || port > 65535)
    return bad("the port must be 0 to 65535");
  return ListenAddress{.host = host.empty() ? "0.0.0.0" : std::string(host), .port = port};
}

}  // namespace weft
