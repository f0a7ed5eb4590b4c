// SPDX-License-Identifier: Apache-2.0
// Membership tried for real on a loopback pair of sockets of our own, before anybody else's socket is touched.
#pragma once

#include "base/result.h"

namespace weft {

struct SelfTestReport {
  bool push_works = false;      // a push arrived, exactly once, at the right place
  bool fionread_works = false;  // a member socket still answers FIONREAD
};
Result<SelfTestReport> run_self_test();

}  // namespace weft
