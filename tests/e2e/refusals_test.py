#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""refusals_test.py BUILD [unittest arguments]: where weft cannot work the agent ends at once with exit code 3 and one line
that says what is missing and how to get it, leaves nothing, and `weft doctor` says the same. What a machine may lack is
taken from these processes alone, by mount and user namespaces, capabilities and a filter of system calls."""
import ctypes
import errno
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host   # noqa: E402
from lib.agent import Programs, SLOW   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
UNSUPPORTED = 3
SYS_BPF = 321  # x86-64


def own_mounts(script):
    """A command in a mount namespace of its own, behind a script that changes that one."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script + ' && exec "$@"', "sh"]


def without_bpf(error):
    """For preexec_fn: bpf(2) fails with this error, as under a seccomp profile, a security module or in a kernel without."""
    def install():
        def instruction(code, value, if_true=0, if_false=0):
            return struct.pack("<HBBI", code, if_true, if_false, value)
        load_number, jump_equal, give = 0x20, 0x15, 0x06
        program = b"".join([instruction(load_number, 0), instruction(jump_equal, SYS_BPF, 0, 1),
                            instruction(give, 0x00050000 | error), instruction(give, 0x7fff0000)])
        buffer = ctypes.create_string_buffer(program)
        filter_program = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)  # no new privileges
        if libc.prctl(22, 2, filter_program, 0, 0):  # seccomp, a filter
            raise OSError(ctypes.get_errno(), "seccomp")
    return install


class Refusals(unittest.TestCase):
    def setUp(self):
        self.before = host.bpf_programs()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def refused(self, *texts, before=(), preexec=None):
        file = self.folder / "weft.yaml"
        file.write_text(json.dumps({"control": {"socket": f"{self.folder}/s"}, "exporters": {"prometheus": {"listen": "off"}}}))

        def run(*command):
            return subprocess.run([*before, *map(str, command)], capture_output=True, text=True, timeout=60 * SLOW, preexec_fn=preexec)
        done = run(PROGRAMS.weftd, "--config", file)
        self.assertEqual((done.returncode, len(done.stderr.splitlines()), done.stdout), (UNSUPPORTED, 1, ""), done)
        doctor = run(PROGRAMS.weft, "doctor")
        self.assertNotEqual(doctor.returncode, 0, doctor)
        for text in texts:
            self.assertIn(text, done.stderr)
            self.assertIn(text, " ".join(doctor.stdout.split()))
        self.assertLessEqual(host.bpf_programs(), self.before)
        self.assertEqual([entry.name for entry in self.folder.iterdir()], ["weft.yaml"])

    def test_kernel_without_btf(self):
        self.refused("/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF", before=own_mounts("mount -t tmpfs none /sys/kernel/btf"))

    def test_no_cgroup_v2(self):
        gone = "for m in $(awk '$3 == \"cgroup2\" { print $2 }' /proc/mounts); do umount -l $m; done"
        self.refused("cgroup v2", "mount -t cgroup2", before=own_mounts(gone))

    def test_kernel_without_bpf(self):
        self.refused("no bpf system call", "CONFIG_BPF_SYSCALL", preexec=without_bpf(errno.ENOSYS))

    def test_refused_by_a_policy(self):
        for error in (errno.EPERM, errno.EACCES):
            self.refused("refused to a process that has the capabilities", "seccomp", "security module", preexec=without_bpf(error))

    def test_missing_capabilities(self):
        needed = ("bpf", "perfmon", "net_admin", "sys_ptrace")
        for missing in needed:
            with self.subTest(missing):
                rest = ",".join(f"+{name}" for name in needed if name != missing)
                self.refused(f"missing: CAP_{missing.upper()}", "run as root, or with",
                             before=["setpriv", f"--inh-caps=-all,{rest}", f"--bounding-set=-all,{rest}"])

    def test_user_namespace(self):
        """All capabilities, and none that counts: a rootless container."""
        self.refused("refused to a process that has the capabilities", "user namespace", before=["unshare", "--user", "--map-root-user"])

    def test_hybrid_layout(self):
        """cgroup v2 elsewhere than at /sys/fs/cgroup is found."""
        before = own_mounts("for m in $(awk '$3 == \"cgroup2\" { print $2 }' /proc/mounts); do umount -l $m; done; "
                            f"mount -t cgroup2 none {self.folder}")
        done = subprocess.run([*before, PROGRAMS.weft, "doctor", "-o", "json"], capture_output=True, text=True, timeout=60 * SLOW)
        row = next(row for row in json.loads(done.stdout)["probes"] if row["name"] == "cgroup v2")
        self.assertEqual((done.returncode, row["state"], row["finding"]), (0, "works", str(self.folder)), row)


if __name__ == "__main__":
    unittest.main()
