// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "control/config.h"

namespace weft::cli {
namespace {

using namespace std::chrono_literals;

// The HTTP library says no more than "connection"; the reason is worth a look of our own.
int connect_errno(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return result;
}

std::string socket_path(const Context& context) {
  if (!context.socket.empty()) return context.socket;
  const char* from_environment = std::getenv("WEFT_CONTROL_SOCKET");
  return from_environment && *from_environment ? from_environment : kDefaultSocket;
}

bool reachable(Context& context) {
  const std::string path = socket_path(context);
  const int error = connect_errno(path);
  if (error == 0) return true;
  std::string message = fmt::format("no agent at {}: {}", path, std::strerror(error));
  if (error == ENOENT || error == ECONNREFUSED)
    message = fmt::format("no agent answers at {}: is weftd running?", path);
  if (error == EACCES) message = fmt::format("no access to {}: run weft as root", path);
  context.exit_code = complain(message, kUnreachable);
  return false;
}

httplib::Client make_client(const Context& context) {
  httplib::Client client(socket_path(context));
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(30);
  return client;
}

std::string refusal(int status, const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_string()) return json["error"].get<std::string>();
  return fmt::format("the agent answered with HTTP status {}", status);
}

std::optional<std::string> body_of(Context& context, httplib::Result& result) {
  if (!result) {
    context.exit_code = complain("the agent does not answer: " + httplib::to_string(result.error()), kUnreachable);
    return std::nullopt;
  }
  if (result->status >= 400) {
    context.exit_code = complain(refusal(result->status, result->body), kNo);
    return std::nullopt;
  }
  return std::move(result->body);
}

// While it lives, SIGINT and SIGTERM end the stream instead of the program, and so does the passing of `duration`.
class StreamEnd {
 public:
  StreamEnd(httplib::Client& client, std::chrono::nanoseconds duration) : client_(client), duration_(duration) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    thread_ = std::thread([this] { watch(); });
  }
  ~StreamEnd() {
    done_ = true;
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  bool asked() const { return asked_; }

 private:
  void watch() {
    const auto end = std::chrono::steady_clock::now() + duration_;
    while (!done_) {
      const timespec pause{0, 50'000'000};
      if (sigtimedwait(&signals_, nullptr, &pause) > 0) asked_ = true;
      if (duration_ > 0ns && std::chrono::steady_clock::now() >= end) asked_ = true;
      if (asked_) client_.stop();  // again and again: it does nothing while there is no connection yet
    }
  }

  httplib::Client& client_;
  const std::chrono::nanoseconds duration_;
  sigset_t signals_, before_;
  std::atomic<bool> done_ = false, asked_ = false;
  std::thread thread_;
};

}  // namespace

std::string with_query(std::string path, const std::vector<std::pair<std::string, std::string>>& parameters) {
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    path += separator + name + "=";
    separator = '&';
    for (const unsigned char c : value) {
      if (std::isalnum(c) || std::strchr("-_.~", c))
        path += static_cast<char>(c);
      else
        path += fmt::format("%{:02X}", c);
    }
  }
  return path;
}

std::optional<std::string> fetch(Context& context, const std::string& path) {
  if (!reachable(context)) return std::nullopt;
  auto client = make_client(context);
  auto result = client.Get(path);
  return body_of(context, result);
}

std::optional<std::string> post(Context& context, const std::string& path) {
  if (!reachable(context)) return std::nullopt;
  auto client = make_client(context);
  auto result = client.Post(path);
  return body_of(context, result);
}

std::optional<std::string> send(Context& context, Method method, const std::string& path, const std::string& body,
                                const std::string& content_type) {
  if (!reachable(context)) return std::nullopt;
  auto client = make_client(context);
  auto result = method == Method::put    ? client.Put(path, body, content_type)
                : method == Method::post ? client.Post(path, body, content_type)
                                         : client.Delete(path);
  return body_of(context, result);
}

std::optional<Json> parse_answer(Context& context, const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) {
    context.exit_code = complain("the agent's answer is no JSON: is this weft as old as weftd?", kNo);
    return std::nullopt;
  }
  return json;
}

std::optional<Json> fetch_json(Context& context, const std::string& path) {
  const auto body = fetch(context, path);
  return body ? parse_answer(context, *body) : std::nullopt;
}

std::optional<Json> fetch_json_if_any(const Context& context, const std::string& path) {
  auto client = make_client(context);
  client.set_read_timeout(2);
  const auto result = client.Get(path);
  if (!result || result->status >= 400) return std::nullopt;
  Json json = Json::parse(result->body, nullptr, false);
  return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

bool stream(Context& context, const std::string& path, std::chrono::nanoseconds duration,
            const std::function<bool(std::string_view)>& sink) {
  if (!reachable(context)) return false;
  auto client = make_client(context);
  client.set_read_timeout(std::chrono::hours(24 * 365));
  int status = 0;
  std::string refused;
  bool full = false;
  const StreamEnd end(client, duration);
  const auto result = client.Get(
      path,
      [&](const httplib::Response& response) {
        status = response.status;
        return !end.asked();
      },
      [&](const char* data, std::size_t size) {
        if (status >= 400) {
          refused.append(data, size);
          return refused.size() < 4096;
        }
        full = full || !sink({data, size});
        return !full && !end.asked();
      });
  if (status >= 400) {
    context.exit_code = complain(refusal(status, refused), kNo);
    return false;
  }
  if (!result && !end.asked() && !full && status == 0) {
    context.exit_code = complain("the agent does not answer: " + httplib::to_string(result.error()), kUnreachable);
    return false;
  }
  return true;
}

}  // namespace weft::cli
