// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "policy/key_glob.h"

using namespace weft;

TEST_CASE("which keys one glob leaves to another") {
  const auto covers = [](const char* wide, const char* narrow) {
    return key_glob_covers(wide, narrow, KeyCase::exact);
  };
  CHECK(covers("env", "env"));
  CHECK_FALSE(covers("env", "Env"));
  CHECK_FALSE(covers("env", "en"));
  CHECK_FALSE(covers("env", "envs"));
  CHECK(covers("user.*", "user.name"));
  CHECK(covers("user.*", "user.na?e"));
  CHECK(covers("user.*", "user.*"));
  CHECK(covers("user.*", "user."));
  CHECK_FALSE(covers("user.*", "user.name.first"));
  CHECK_FALSE(covers("user.*", "user.**"));
  CHECK_FALSE(covers("user.name", "user.*"));
  CHECK(covers("user.**", "user.*.first"));
  CHECK(covers("**", "a.*.c?"));
  CHECK(covers("*", "env"));
  CHECK_FALSE(covers("*", "a.b"));
  CHECK_FALSE(covers("?", "."));
  CHECK(covers("*a*", "?a?"));
  CHECK_FALSE(covers("*ab*", "*a*b*"));
  CHECK(covers("*a*b*", "*ab*"));
  CHECK(covers("**x**", "**.x.**"));
  CHECK(covers("a***", "a**"));
}

TEST_CASE("case is ignored where it does not count") {
  CHECK(key_glob_covers("Auth_*", "AUTH_token", KeyCase::ignored));
  CHECK_FALSE(key_glob_covers("Auth_*", "AUTH_token", KeyCase::exact));
}

TEST_CASE("a pair of globs that would need too much is not claimed") {
  CHECK_FALSE(key_glob_covers("**a????????????????????????", "**a?**", KeyCase::exact));
}

TEST_CASE("exact keys and globs") {
  CHECK(key_glob_is_exact("user.name"));
  CHECK_FALSE(key_glob_is_exact("user.?"));
  CHECK_FALSE(key_glob_is_exact("user.*"));
}

TEST_CASE("which keys a glob matches") {
  CHECK(key_glob_matches("user.*", "user.name"));
  CHECK(key_glob_matches("user.*", "user."));
  CHECK_FALSE(key_glob_matches("user.*", "user.name.first"));
  CHECK(key_glob_matches("user.**", "user.name.first"));
  CHECK(key_glob_matches("e?v", "env"));
  CHECK_FALSE(key_glob_matches("e?v", "e.v"));
  CHECK_FALSE(key_glob_matches("env", "ENV"));
}
