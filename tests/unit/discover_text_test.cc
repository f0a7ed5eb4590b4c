// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "base/glob.h"
#include "discover/container_id.h"

using namespace weft;

TEST_CASE("glob: what matches and what does not") {
  struct Row {
    const char *pattern, *text;
    bool matches;
  };
  for (const Row& row : {Row{"/usr/bin/python3*", "/usr/bin/python3.11", true},
                         {"/usr/bin/python3*", "/usr/bin/python", false},
                         {"*orders.py*", "python3 /srv/orders.py --port 1", true},
                         {"*", "", true},
                         {"", "", true},
                         {"", "a", false},
                         {"a?c", "abc", true},
                         {"a?c", "ac", false},
                         {"*/b", "/x/y/b", true},
                         {"[a-c]x", "bx", true},
                         {"[!a-c]x", "bx", false},
                         {"[!a-c]x", "dx", true},
                         {"[]]", "]", true},
                         {"\\*", "*", true},
                         {"\\*", "a", false},
                         {"[ab", "[ab", true},
                         {"[ab", "a", false},
                         {"a*b*c", "a1b2b3c", true},
                         {"a*b*c", "a1b2b3", false},
                         {"abc", "abcd", false}}) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    CHECK(glob_match(row.pattern, row.text) == row.matches);
  }
}

TEST_CASE("glob: a hostile command line costs no more than its length times the pattern's") {
  // Backtracking over every star would need more steps than there are atoms.
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "*a";
  CHECK_FALSE(glob_match(pattern + "*b", std::string(20'000, 'a')));
}

TEST_CASE("container id: the forms of the runtimes, cgroup v1 and v2") {
  const std::string id(64, 'a');
  const auto of = [](const std::string& text) { return container_id_of_cgroup(text); };
  CHECK(of("12:memory:/docker/" + id + "\n11:cpu:/docker/" + id + "\n") == id);
  CHECK(of("0::/system.slice/docker-" + id + ".scope\n") == id);
  CHECK(of("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-" + id +
           ".scope\n") == id);
  CHECK(of("4:cpu:/kubepods/besteffort/pod0f/" + id + "\n") == id);
  CHECK(of("1:name=systemd:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id + "\n") == id);
  CHECK(of("0::/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope\n") == id);
  CHECK(of("0::/machine.slice/libpod-" + id + ".scope/container\n") == id);
  CHECK(of("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope\n") == id);
  CHECK(of("0::/../../docker-" + id + ".scope/init.scope\n") == id);
  CHECK(of("9:cpu:/ecs/55091c13-b8cf-4801-b527-f4601742204d/" + id + "\n") == id);
  CHECK(of("9:cpu:/ecs/" + id.substr(0, 32) + "/" + id.substr(0, 32) + "-1234567890\n") ==
        id.substr(0, 32) + "-1234567890");
}

TEST_CASE("container id: none outside a container") {
  const std::string id(64, 'a');
  CHECK(container_id_of_cgroup("") == "");
  CHECK(container_id_of_cgroup("0::/\n") == "");
  CHECK(container_id_of_cgroup("0::/system.slice/nginx.service\n") == "");
  CHECK(container_id_of_cgroup("0::/machine.slice/libpod-conmon-" + id + ".scope\n") == "");
  CHECK(container_id_of_cgroup("0::/x/" + id.substr(1) + "\n") == "");
  CHECK(container_id_of_cgroup("0::/x/z" + id.substr(1) + "g\n") == "");
  CHECK(container_id_of_cgroup("no colons here") == "");
}
