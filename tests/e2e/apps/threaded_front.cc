// SPDX-License-Identifier: Apache-2.0
// threaded_front BACK_PORT HOW: one thread a connection, each request calls the back service and waits for it.
//   direct     on the handler's thread, keep-alive
//   pool       on a thread pool that starts a thread whenever none is idle, inside handlers
//   thread     on a thread started for it and joined
//   job        direct, and a detached thread calls once more after the answer
//   retry      direct, twice, with the incoming traceparent copied both times
//   proxy      three calls at once on threads, each with the incoming traceparent copied
//   asked      as the request says: via=thread (calls=N one after the other on a thread started for it) or via=worker
//   (on
//              the one thread that works for all, started at the first such request); stays_ms=N: answered so much
//              later
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <future>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "e2e/apps/http.h"

namespace {

std::uint16_t back_port;

std::string call_text(const std::string& id, std::string_view call, const std::string& context) {
  const std::string field = context.empty() ? "" : fmt::format("traceparent: {}\r\n", context);
  return fmt::format("GET /leaf?id={}&call={} HTTP/1.1\r\nHost: back\r\n{}\r\n", id, call, field);
}

// The calling thread's own keep-alive connection.
bool call_back(const std::string& id, std::string_view call, const std::string& context = {}) {
  thread_local weft::app::Connection connection(weft::app::connect_to(back_port));
  return connection.write(call_text(id, call, context)) && connection.read_message();
}

class GrowingPool {
 public:
  explicit GrowingPool(std::size_t most = SIZE_MAX) : most_(most) {}

  std::future<bool> submit(std::function<bool()> work) {
    std::packaged_task<bool()> task(std::move(work));
    std::future<bool> result = task.get_future();
    std::lock_guard lock(mutex_);
    tasks_.push(std::move(task));
    if (idle_ < tasks_.size() && threads_ < most_) {
      threads_++;
      std::thread([this] { run(); }).detach();
    }
    ready_.notify_one();
    return result;
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      idle_++;
      ready_.wait(lock, [this] { return !tasks_.empty(); });
      idle_--;
      std::packaged_task<bool()> task = std::move(tasks_.front());
      tasks_.pop();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::queue<std::packaged_task<bool()>> tasks_;
  const std::size_t most_;
  std::size_t threads_ = 0, idle_ = 0;
};

GrowingPool& pool() {
  static GrowingPool* const instance = new GrowingPool;  // its threads never end
  return *instance;
}

bool on_threads(int calls, const std::string& id, const std::string& context) {
  std::vector<std::thread> threads;
  for (int i = 0; i < calls; i++) threads.emplace_back([&, i] { call_back(id, std::to_string(i), context); });
  for (std::thread& thread : threads) thread.join();
  return true;
}

// One thread that calls for all, in the order in which they come.
GrowingPool& worker() {
  static GrowingPool* const instance = new GrowingPool(1);
  return *instance;
}

bool asked(const weft::app::Head& request) {
  const std::string id = request.query("id"), stays = request.query("stays_ms");
  const int calls = std::max(1, std::atoi(request.query("calls").c_str()));
  const auto call = [&] {
    bool done = true;
    for (int i = 0; done && i < calls; i++) done = call_back(id, std::to_string(i));
    return done;
  };
  bool done = false;
  if (request.query("via") == "worker")
    done = worker().submit(call).get();
  else
    std::thread([&] { done = call(); }).join();
  std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(stays.c_str())));
  return done;
}

void later(std::string id) {
  std::thread([id = std::move(id)] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    call_back(id, "late");
  }).detach();
}

bool handle(const std::string& how, const weft::app::Head& request) {
  const std::string id = request.query("id"), context = request.field("traceparent");
  if (how == "pool") return pool().submit([&] { return call_back(id, "0"); }).get();
  if (how == "thread") return on_threads(1, id, {});
  if (how == "retry") return call_back(id, "0", context) && call_back(id, "1", context);
  if (how == "proxy") return on_threads(3, id, context);
  if (how == "asked") return asked(request);
  if (how == "job") later(id);
  return call_back(id, "0");
}

void serve(int fd, const std::string& how) {
  weft::app::Connection connection(fd);
  while (const auto request = connection.read_message())
    if (!handle(how, *request) || !connection.answer("front")) return;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  back_port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  for (int fd; (fd = weft::app::accept_from(listener)) >= 0;) std::thread(serve, fd, std::string(argv[2])).detach();
}
