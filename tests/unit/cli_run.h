// SPDX-License-Identifier: Apache-2.0
// The program `weft` as a child process, with its output and exit code.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace weft {

struct Finished {
  int exit_code = -1;
  std::string out, err;
};

// WEFT_PROGRAM is the path of the program, given by the build.
Finished run_weft(const std::vector<std::string>& arguments, const std::string& socket_variable = "");

// One that goes on until it is told to end.
class RunningWeft {
 public:
  explicit RunningWeft(const std::vector<std::string>& arguments, const std::string& socket_variable = "");
  ~RunningWeft();
  std::string read_until(const std::string& text);  // from standard output; all that came
  void interrupt();                                 // SIGINT, as Ctrl-C
  void close_output();                              // as `| head` does
  Finished finish();

 private:
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  std::string out_text_;
};

}  // namespace weft
