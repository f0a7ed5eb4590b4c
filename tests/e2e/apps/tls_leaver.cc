// SPDX-License-Identifier: Apache-2.0
// tls_leaver CERTIFICATE: leaves OpenSSL's calls by other ways than their return. Each line of standard input names
// one, and is repeated on standard output when all that a program may expect of it has happened. `plain` makes a
// request.
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <iostream>
#include <latch>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "e2e/apps/http.h"

namespace {

void check(bool is, const char* what) {
  if (is) return;
  std::printf("failed: %s\n", what);
  std::fflush(stdout);
  _exit(1);
}

using Hook = std::function<void()>;
struct Wire {
  int fd;
  Hook before_read, before_write;
};

Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

// What a program puts below OpenSSL when it has something to do before it waits.
BIO_METHOD* wire_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "wire");
    BIO_meth_set_create(made, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    BIO_meth_set_read(made, [](BIO* bio, char* to, int most) {
      auto& wire = wire_of(bio);
      if (wire.before_read) wire.before_read();
      return static_cast<int>(read(wire.fd, to, static_cast<std::size_t>(most)));
    });
    BIO_meth_set_write(made, [](BIO* bio, const char* from, int bytes) {
      auto& wire = wire_of(bio);
      if (wire.before_write) wire.before_write();
      return static_cast<int>(write(wire.fd, from, static_cast<std::size_t>(bytes)));
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
    return made;
  }();
  return method;
}

SSL_CTX* server_context = nullptr;
std::uint16_t port = 0;

void serve(int fd) {
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(server_context), SSL_free);
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) == 1) {
    std::string text;
    char piece[4096];
    for (int got; (got = SSL_read(ssl.get(), piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<std::size_t>(got));
      if (!text.ends_with("\r\n\r\n")) continue;
      if (text.starts_with("GET /silent ")) continue;
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      SSL_write(ssl.get(), kAnswer.data(), static_cast<int>(kAnswer.size()));
      text.clear();
    }
  }
  close(fd);
}

struct Client {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), SSL_free};
  Wire wire{weft::app::connect_to(port), {}, {}};

  Client() {
    BIO* bio = BIO_new(wire_method());
    BIO_set_data(bio, &wire);
    SSL_set_bio(ssl.get(), bio, bio);
  }
  ~Client() { close(wire.fd); }
  Client& begin() {
    check(SSL_connect(ssl.get()) == 1, "handshake");
    return *this;
  }
  void ask(const std::string& path) {
    const std::string text = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    check(SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()), "write");
  }
  void answered() {
    std::string text;
    char piece[4096];
    while (!text.ends_with("ok")) {
      const int got = SSL_read(ssl.get(), piece, sizeof piece);
      check(got > 0, "read");
      text.append(piece, static_cast<std::size_t>(got));
    }
  }
  void exchange(const std::string& path) {
    ask(path);
    answered();
  }
};

template <typename Function>
bool throws(const Function& function) {
  try {
    function();
  } catch (const std::runtime_error&) {
    return true;
  }
  return false;
}

void leave() { throw std::runtime_error("left"); }

void exception_from_read() {
  Client client;
  client.begin().ask("/silent");
  client.wire.before_read = leave;
  check(throws([&] { client.answered(); }), "the exception arrives");
}

void exception_from_write() {
  Client client;
  client.begin().wire.before_write = leave;
  check(throws([&] { client.ask("/never"); }), "the exception arrives");
}

void exception_from_handshake() {
  Client client;
  SSL_set_info_callback(client.ssl.get(), [](const SSL*, int, int) { leave(); });
  check(throws([&] { client.begin(); }), "the exception arrives");
}

void jump() {
  Client client;
  client.begin().ask("/silent");
  static jmp_buf out;
  client.wire.before_read = [] { longjmp(out, 1); };
  if (!setjmp(out)) client.answered();
}

// A thread ends within a call: what it has to do at its end is done.
struct Ends {
  std::atomic<int> destroyed = 0, handled = 0;
};

void in_thread(const std::function<void(pthread_t, Client&)>& end, const Hook& before_read) {
  Client client;
  client.begin().ask("/silent");
  client.wire.before_read = before_read;
  Ends ends;
  std::pair<Client*, Ends*> both(&client, &ends);
  pthread_t thread;
  pthread_create(
      &thread, nullptr,
      [](void* given) -> void* {
        const auto [of, at_end] = *static_cast<std::pair<Client*, Ends*>*>(given);
        struct Local {
          Ends& ends;
          ~Local() { ++ends.destroyed; }
        } const local{*at_end};
        pthread_cleanup_push([](void* ends) { ++static_cast<Ends*>(ends)->handled; }, at_end);
        of->answered();
        pthread_cleanup_pop(0);
        return nullptr;
      },
      &both);
  end(thread, client);
  pthread_join(thread, nullptr);
  check(ends.handled == 1, "the thread's handler ran");
  check(ends.destroyed == 1, "the thread's object was destroyed");
}

void cancelled() {
  in_thread(
      [](pthread_t thread, Client&) {
        usleep(100'000);
        pthread_cancel(thread);
      },
      {});
}

void thread_exit() {
  in_thread([](pthread_t, Client&) {}, [] { pthread_exit(nullptr); });
}

void signals() {
  Client client;
  client.begin().ask("/silent");
  static sigjmp_buf out;
  static std::atomic<int> seen = 0;
  struct sigaction action{};
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) {
    if (++seen == 20) siglongjmp(out, 1);
  };
  sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 5'000}, {0, 5'000}}, never{};
  if (!sigsetjmp(out, 1)) {
    setitimer(ITIMER_REAL, &often, nullptr);
    client.answered();
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  check(seen == 20, "twenty signals");
}

// Coroutines of one thread that go on with another one whenever one would wait, as libraries do that replace read(2).
void coroutines() {
  constexpr std::size_t kCount = 4, kStack = 256 * 1024;
  static ucontext_t home, contexts[kCount];
  static std::size_t running;
  static std::function<void()> work;
  std::vector<char> stacks(kCount * kStack);
  std::vector<bool> over(kCount);
  work = [&] {
    Client client;
    const std::size_t mine = running;
    client.wire.before_read = [mine] { swapcontext(&contexts[mine], &home); };
    client.begin();
    for (int i = 0; i < 5; ++i) client.exchange("/coroutine?" + std::to_string(mine));
    over[mine] = true;
  };
  for (std::size_t i = 0; i < kCount; ++i) {
    getcontext(&contexts[i]);
    contexts[i].uc_stack = {stacks.data() + i * kStack, 0, kStack};
    contexts[i].uc_link = &home;
    makecontext(&contexts[i], [] { work(); }, 0);
  }
  // There and back: one whose stack is above, and one whose stack is below.
  for (std::size_t turn = 0; over != std::vector<bool>(kCount, true); ++turn) {
    running = turn / kCount % 2 ? kCount - 1 - turn % kCount : turn % kCount;
    if (!over[running]) swapcontext(&home, &contexts[running]);
  }
}

// More threads than calls are kept for, all there at once.
void threads() {
  constexpr int kThreads = 4'200;
  static std::latch called(kThreads);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  std::vector<pthread_t> all(kThreads);
  for (pthread_t& thread : all) {
    const auto call = [](void*) -> void* {
      SSL* const ssl = SSL_new(server_context);
      SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
      SSL_set_accept_state(ssl);
      char byte;
      check(SSL_read(ssl, &byte, 1) == -1, "nothing came");
      SSL_free(ssl);
      called.arrive_and_wait();
      return nullptr;
    };
    check(pthread_create(&thread, &small, call, nullptr) == 0, "a thread");
  }
  for (const pthread_t thread : all) pthread_join(thread, nullptr);
}

void plain() { Client().begin().exchange("/plain"); }

}  // namespace

int main(int, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  server_context = SSL_CTX_new(TLS_server_method());
  check(SSL_CTX_use_certificate_file(server_context, argv[1], SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_use_PrivateKey_file(server_context, argv[1], SSL_FILETYPE_PEM) == 1,
        "certificate");
  const int listener = weft::app::listen_anywhere(port);
  std::thread([listener] {
    for (int fd; (fd = weft::app::accept_from(listener)) >= 0;) std::thread(serve, fd).detach();
  }).detach();
  const std::map<std::string, void (*)()> ways = {{"exception_from_read", exception_from_read},
                                                  {"exception_from_write", exception_from_write},
                                                  {"exception_from_handshake", exception_from_handshake},
                                                  {"jump", jump},
                                                  {"cancelled", cancelled},
                                                  {"thread_exit", thread_exit},
                                                  {"signals", signals},
                                                  {"coroutines", coroutines},
                                                  {"threads", threads},
                                                  {"plain", plain}};
  for (std::string line; std::getline(std::cin, line);) {
    ways.at(line)();
    std::cout << line << std::endl;
  }
  _exit(0);
}
