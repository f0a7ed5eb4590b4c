// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "discover/known_programs.h"
#include "discover/language.h"
#include "discover/service_name.h"
#include "unit/discover_fake_proc.h"

using namespace weft;

namespace {

ProcessInfo process(const std::string& exe, std::vector<std::string> args) {
  ProcessInfo info;
  info.pid = 42;
  info.executable = exe;
  info.args = std::move(args);
  info.language = language_of_name(exe);
  return info;
}

}  // namespace

TEST_CASE("program name: script, module, jar or executable") {
  struct Row {
    const char* exe;
    std::vector<std::string> args;
    const char* name;
  };
  const std::vector<Row> rows{
      {"/usr/bin/python3.11", {"python3", "orders.py"}, "orders"},
      {"/usr/bin/python3.11", {"/usr/bin/python3.11", "-u", "/srv/app/orders.py", "--port", "80"}, "orders"},
      {"/usr/bin/python3.11", {"python3", "-m", "pkg.mod", "x.py"}, "pkg.mod"},
      {"/usr/bin/python3.11", {"python3", "-Im", "pkg.mod"}, "pkg.mod"},
      {"/usr/bin/python3.11", {"python3", "-mpkg.mod"}, "pkg.mod"},
      {"/usr/bin/python3.11", {"python3", "-W", "ignore", "-X", "dev", "orders.py"}, "orders"},
      {"/usr/bin/python3.11", {"python3", "-Wignore", "orders.py"}, "orders"},
      {"/usr/bin/python3.11", {"python3", "-c", "import x", "orders.py"}, "python"},
      {"/usr/bin/python3.11", {"python3", "-"}, "python"},
      {"/usr/bin/python3.11", {"python3"}, "python"},
      {"/usr/bin/python3.11", {"python3", "/srv/shop/__main__.py"}, "shop"},
      {"/usr/bin/python3.11", {"/usr/bin/python3", "/usr/bin/gunicorn", "app:app"}, "gunicorn"},
      {"/usr/bin/python3.11", {"gunicorn: worker [app:app]"}, "gunicorn"},
      {"/usr/bin/java", {"java", "-jar", "/srv/x.jar", "--spring"}, "x"},
      {"/usr/bin/java", {"java", "-Xmx1g", "-cp", "a.jar:b.jar", "-Dk=v", "com.acme.Main", "arg"}, "com.acme.Main"},
      {"/usr/bin/java", {"java", "--module-path", "mods", "-m", "shop/com.acme.Main"}, "shop/com.acme.Main"},
      {"/usr/bin/java", {"java", "-version"}, "java"},
      {"/usr/bin/node", {"node", "srv.js"}, "srv"},
      {"/usr/bin/node", {"node", "-r", "./tracing.js", "--inspect=9229", "/app/srv.mjs"}, "srv"},
      {"/usr/bin/node", {"node", "-e", "1"}, "node"},
      {"/usr/bin/node", {"my-title"}, "my-title"},
      {"/usr/bin/perl", {"perl", "-w", "-I", "lib", "/srv/shop.pl"}, "shop"},
      {"/usr/bin/perl", {"perl", "-Ilib", "-MFoo", "shop.pl"}, "shop"},
      {"/usr/bin/perl", {"perl", "-we", "print 1"}, "perl"},
      {"/usr/bin/perl", {"starman worker --port 80"}, "starman"},
      {"/usr/bin/ruby3.1", {"ruby", "-rbundler/setup", "app.rb"}, "app"},
      {"/usr/bin/ruby3.1", {"puma 6.0 (tcp://0.0.0.0:3000) [shop]"}, "puma"},
      {"/usr/bin/php8.2", {"php", "-d", "a=b", "index.php"}, "index"},
      {"/usr/bin/php8.2", {"php", "-S", "127.0.0.1:80", "-t", "www", "router.php"}, "router"},
      {"/usr/sbin/php-fpm8.2", {"php-fpm: pool www"}, "php-fpm"},
      {"/usr/sbin/php-fpm8.2", {"php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)"}, "php-fpm"},
      {"/usr/bin/dotnet", {"dotnet", "exec", "--depsfile", "a.json", "/app/Shop.Api.dll"}, "Shop.Api"},
      {"/bin/bash", {"bash", "-x", "/srv/run.sh"}, "run"},
      {"/bin/bash", {"-bash"}, "bash"},
      {"/usr/sbin/nginx", {"nginx: worker process"}, "nginx"},
      {"/srv/orders-svc", {"./orders-svc", "-config", "x.py"}, "orders-svc"},
      {"/srv/postgres", {"postgres: writer"}, "postgres"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.args);
    CHECK(program_name(process(row.exe, row.args)) == row.name);
  }
}

TEST_CASE("program name: a file given by descriptor is never called by the descriptor's number") {
  CHECK(program_name(process("/memfd:shop", {"x"})) == "shop");
  CHECK(program_name(process("/memfd:", {"x"})) == "unknown_service");
  for (const std::string path : {"/dev/fd/3", "/proc/self/fd/3"}) {
    CAPTURE(path);
    auto script = process("/usr/bin/python3.11", {"/usr/bin/python3", path, "--port", "80"});
    CHECK(program_name(script) == "python");
    script.descriptor_file = "/srv/orders.py";
    CHECK(program_name(script) == "orders");
    script.descriptor_file = "/memfd:cart";
    CHECK(program_name(script) == "cart");
    CHECK(program_name(process("/memfd:python3", {path, "orders.py"})) == "orders");
    CHECK(program_name(process("/usr/bin/python3", {path})) == "python");
  }
  CHECK(program_name(process("/bin/bash", {"bash", "/dev/fd/run.sh"})) == "run");
}

TEST_CASE("program name: never empty, never broken text") {
  ProcessInfo nameless;
  CHECK(program_name(nameless) == "unknown_service");
  nameless.comm = "kworker";
  CHECK(program_name(nameless) == "kworker");
  CHECK(program_name(process("/usr/bin/python3", {"python3", "a\xff.py"})) == "a?");
  CHECK(program_name(process("/usr/bin/python3", {"python3", "a\n\x1b[2J.py"})) == "a??[2J");
  CHECK(program_name(process("/usr/bin/python3", {"python3", "-m"})) == "python");
}

TEST_CASE("language: by the runtime's name") {
  CHECK(language_of_name("/usr/bin/python3.11") == Language::python);
  CHECK(language_of_name("/usr/bin/python3.11-dbg") == Language::python);
  CHECK(language_of_name("/opt/jdk/bin/java") == Language::java);
  CHECK(language_of_name("/usr/sbin/php-fpm8.2") == Language::php);
  CHECK(language_of_name("/usr/bin/pythond") == Language::unknown);
  CHECK(language_of_name("/usr/bin/node-exporter") == Language::unknown);
  CHECK(language_of_name("/usr/bin/javac") == Language::unknown);
  CHECK(parse_language("nodejs") == Language::node);
  CHECK(parse_language("cobol") == std::nullopt);
  CHECK(language_name(Language::cpp) == "cpp");
}

TEST_CASE("built-in exclusions go by the program, not by its path") {
  for (const auto& excluded :
       {process("/usr/bin/weftd", {"weftd"}), process("/opt/otelcol-contrib", {"otelcol-contrib"}),
        process("/usr/bin/jaeger-all-in-one", {"x"}), process("/usr/bin/java", {"java", "-jar", "zipkin-server-3.jar"}),
        process("/usr/bin/java", {"java", "-cp", "x", "zipkin.server.ZipkinServer"}),
        process("/bin/prometheus", {"prometheus"}), process("/usr/bin/kubelet", {"kubelet"})}) {
    CAPTURE(excluded.executable);
    CHECK(built_in_exclusion(excluded).starts_with("excluded by default: it is "));
  }
  CHECK(built_in_exclusion(process("/opt/jaeger-demo/shop", {"shop"})) == "");
  CHECK(built_in_exclusion(process("/usr/bin/prometheus-client-app", {"x"})) == "");
  CHECK(built_in_exclusion(process("/usr/bin/java", {"java", "-jar", "shop.jar", "--zipkin=http://z"})) == "");
}

TEST_CASE("thread per request: only where the command line leaves no doubt") {
  test::FakeProc proc;
  const ProcFiles files(proc.root());
  const std::string python = "/usr/bin/python3.11";
  const auto known = [&files](const ProcessInfo& info) { return serves_thread_per_request(info, files); };
  CHECK(known(process("/usr/sbin/apache2", {"/usr/sbin/apache2", "-k", "start"})));
  CHECK(known(process(python, {"python3", "/usr/bin/gunicorn", "app:app"})));
  CHECK(known(process(python, {"python3", "/usr/bin/gunicorn", "-k", "gthread", "app:app"})));
  CHECK(known(process("/usr/bin/uwsgi-core", {"uwsgi", "--http", ":80", "--threads", "4"})));
  CHECK(known(process("/usr/bin/php8.2", {"php", "-S", "127.0.0.1:80"})));
  CHECK_FALSE(known(process(python, {"python3", "/usr/bin/gunicorn", "-k", "gevent", "app:app"})));
  CHECK_FALSE(
      known(process(python, {"python3", "/usr/bin/gunicorn", "--worker-class=uvicorn.workers.UvicornWorker", "a"})));
  CHECK_FALSE(known(process(python, {"python3", "/usr/bin/gunicorn", "-c", "conf.py", "app:app"})));
  CHECK_FALSE(known(process(python, {"gunicorn: worker [app]"})));
  CHECK_FALSE(known(process("/usr/bin/uwsgi", {"uwsgi", "--gevent", "100"})));
  CHECK_FALSE(known(process("/usr/bin/uwsgi", {"uwsgi", "/etc/app.ini"})));
  CHECK_FALSE(known(process("/usr/sbin/nginx", {"nginx: worker process"})));
  CHECK_FALSE(known(process(python, {"python3", "orders.py"})));
  auto by_environment = process(python, {"python3", "/usr/bin/gunicorn", "app:app"});
  by_environment.environment.gunicorn_cmd_args = true;
  CHECK_FALSE(known(by_environment));
  std::filesystem::create_directories(proc.directory(42) / "cwd");
  std::ofstream(proc.directory(42) / "cwd/gunicorn.conf.py") << "worker_class = 'gevent'\n";
  CHECK_FALSE(known(process(python, {"python3", "/usr/bin/gunicorn", "app:app"})));
}

TEST_CASE("who asks FIONREAD") {
  CHECK(asks_fionread(process("/usr/sbin/nginx", {"nginx: worker process"})));
  CHECK(asks_fionread(process("/usr/bin/java", {"java", "-jar", "x.jar"})));
  CHECK(asks_fionread(process("/usr/bin/dotnet", {"dotnet", "x.dll"})));
  CHECK_FALSE(asks_fionread(process("/usr/bin/python3.11", {"python3", "x.py"})));
}
