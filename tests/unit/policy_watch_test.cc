// SPDX-License-Identifier: Apache-2.0
// The watch on real files: what changes it, and what does not.
#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/file_watch.h"

using namespace weft;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/weft-watch-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path operator/(const char* name) const { return path / name; }
  fs::path path;
};

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

// Events are there when the call that caused them returns.
bool told(FileWatch& watch) {
  pollfd waiting{watch.fd(), POLLIN, 0};
  const bool readable = ::poll(&waiting, 1, 0) == 1;
  const bool changed = watch.changed();
  if (changed) CHECK(readable);
  CHECK_FALSE(watch.changed());
  return changed;
}

}  // namespace

TEST_CASE("a file written in place, when its writer has closed it") {
  const Folder folder;
  write(folder / "p.yaml", "a");
  FileWatch watch(folder / "p.yaml");
  CHECK_FALSE(told(watch));
  std::ofstream writer(folder / "p.yaml");
  writer << "half" << std::flush;
  CHECK_FALSE(told(watch));
  writer << "whole" << std::flush;
  writer.close();
  CHECK(told(watch));
}

TEST_CASE("what happens to other files is nothing") {
  const Folder folder;
  write(folder / "p.yaml", "a");
  FileWatch watch(folder / "p.yaml");
  write(folder / "q.yaml", "b");
  fs::rename(folder / "q.yaml", folder / "r.yaml");
  fs::remove(folder / "r.yaml");
  CHECK_FALSE(told(watch));
}

TEST_CASE("another file renamed over it") {
  const Folder folder;
  write(folder / "p.yaml", "a");
  FileWatch watch(folder / "p.yaml");
  for (int i = 0; i < 3; ++i) {
    write(folder / "new", std::to_string(i));
    CHECK_FALSE(told(watch));
    fs::rename(folder / "new", folder / "p.yaml");
    CHECK(told(watch));
  }
}

TEST_CASE("removed, and there again by every way there is") {
  const Folder folder;
  write(folder / "p.yaml", "a");
  FileWatch watch(folder / "p.yaml");
  fs::remove(folder / "p.yaml");
  CHECK(told(watch));
  std::ofstream writer(folder / "p.yaml");
  writer << "b" << std::flush;
  CHECK_FALSE(told(watch));
  writer.close();
  CHECK(told(watch));
  fs::remove(folder / "p.yaml");
  CHECK(told(watch));
  write(folder / "other", "c");
  fs::create_hard_link(folder / "other", folder / "p.yaml");
  CHECK(told(watch));
  fs::remove(folder / "p.yaml");
  CHECK(told(watch));
  fs::create_symlink("other", folder / "p.yaml");
  CHECK(told(watch));
  write(folder / "other", "d");
  CHECK(told(watch));
}

TEST_CASE("a mounted ConfigMap: the middle link is turned") {
  const Folder folder;
  fs::create_directory(folder / "..1");
  write(folder.path / "..1" / "p.yaml", "1");
  fs::create_symlink("..1", folder / "..data");
  fs::create_symlink("..data/p.yaml", folder / "p.yaml");
  FileWatch watch(folder / "p.yaml");
  for (const char* next : {"..2", "..3", "..4"}) {
    fs::create_directory(folder / next);
    write(folder / next / "p.yaml", next);
    fs::create_symlink(next, folder / "..data_tmp");
    CHECK_FALSE(told(watch));
    fs::rename(folder / "..data_tmp", folder / "..data");
    CHECK(told(watch));
  }
  fs::remove_all(folder / "..3");
  CHECK_FALSE(told(watch));
  write(folder.path / "..4" / "p.yaml", "again");
  CHECK(told(watch));
}

TEST_CASE("folders on the way that come later, go, or are replaced") {
  const Folder folder;
  FileWatch watch(folder.path / "a" / "b" / "p.yaml");
  CHECK_FALSE(told(watch));
  fs::create_directory(folder / "a");
  CHECK(told(watch));
  fs::create_directory(folder.path / "a" / "b");
  CHECK(told(watch));
  write(folder.path / "a" / "b" / "p.yaml", "a");
  CHECK(told(watch));
  fs::rename(folder / "a", folder / "c");
  CHECK(told(watch));
  fs::rename(folder / "c", folder / "a");
  CHECK(told(watch));
  write(folder.path / "a" / "b" / "p.yaml", "b");
  CHECK(told(watch));
}

TEST_CASE("links that go round and a file in place of a folder end the walk") {
  const Folder folder;
  fs::create_symlink("y", folder / "x");
  fs::create_symlink("x", folder / "y");
  FileWatch round(folder / "x");
  CHECK_FALSE(told(round));
  fs::remove(folder / "x");
  CHECK(told(round));
  write(folder / "file", "a");
  FileWatch below(folder.path / "file" / "p.yaml");
  CHECK_FALSE(told(below));
  fs::remove(folder / "file");
  CHECK(told(below));
}
