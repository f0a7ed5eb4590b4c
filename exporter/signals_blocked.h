// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

namespace weft {

// While it lives, threads that are started inherit a mask that blocks every signal: signals belong to the main thread,
// and SIGPIPE of a broken connection to nobody.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace weft
