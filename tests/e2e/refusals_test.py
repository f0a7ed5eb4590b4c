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
from lib.agent import Programs, SLOW, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
UNSUPPORTED = 3
SYS_BPF = 321  # x86-64
NO_CGROUP_V2 = "for m in $(awk '$3 == \"cgroup2\" { print $2 }' /proc/mounts); do umount -l $m; done"


def own_mounts(script):
    """A command in a mount namespace of its own, behind a script that changes that one."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script + ' && exec "$@"', "sh"]


# Commands of bpf(2).
PROG_LOAD, PROG_ATTACH, LINK_CREATE = 5, 8, 28


def without_bpf(error, command=None):
    """For preexec_fn: bpf(2), or one command of it, fails with this error, as under a seccomp profile, a security module or
    in a kernel without."""
    def install():
        def instruction(code, value, if_true=0, if_false=0):
            return struct.pack("<HBBI", code, if_true, if_false, value)
        load_number, jump_equal, give = 0x20, 0x15, 0x06
        allow, refuse = instruction(give, 0x7fff0000), instruction(give, 0x00050000 | error)
        program = instruction(load_number, 0) + instruction(jump_equal, SYS_BPF, 1, 0) + allow
        if command is not None:  # the first argument
            program += instruction(load_number, 16) + instruction(jump_equal, command, 1, 0) + allow
        program += refuse
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
        self.refused("cgroup v2", "mount -t cgroup2", before=own_mounts(NO_CGROUP_V2))

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

    def test_part_is_refused_by_a_policy(self):
        """Not the system call but what the agent needs of it: a module that looks at programs, for one."""
        for command in (PROG_LOAD, LINK_CREATE):
            for error in (errno.EPERM, errno.EACCES) if SLOW == 1 else (errno.EPERM,):
                with self.subTest(command=command, error=error):
                    self.refused(os.strerror(error), "seccomp", "security module", preexec=without_bpf(error, command))

    def test_partial_abilities(self):
        """Without sk_msg the agent starts, and says first what it will not do."""
        file = self.folder / "weft.yaml"
        file.write_text(json.dumps({"control": {"socket": f"{self.folder}/s"}, "exporters": {"prometheus": {"listen": "off"}}}))
        refuse = without_bpf(errno.EPERM, PROG_ATTACH)
        log = self.folder / "log"
        with open(log, "wb") as output:
            weftd = subprocess.Popen([PROGRAMS.weftd, "--config", file], stderr=output, preexec_fn=refuse)
        self.addCleanup(weftd.kill)
        wait_for("the last thing that it says", lambda: "nothing is selected" in log.read_text(), 60 * SLOW)
        status = subprocess.run([PROGRAMS.weft, "--socket", f"{self.folder}/s", "status", "-o", "json"], capture_output=True,
                                text=True, timeout=60 * SLOW)
        weftd.terminate()
        self.assertEqual(weftd.wait(timeout=60 * SLOW), 0, log.read_text())
        lines = log.read_text().splitlines()
        self.assertTrue(any("sk_msg: " in line and "requests are observed, nothing is injected" in line for line in lines), lines)
        states = {row["name"]: row["state"] for row in json.loads(status.stdout)["kernel"]["mechanisms"]}
        self.assertEqual((states["sk_msg"], states["capture"]), ("missing", "works"), states)
        rows = self.doctor(preexec=refuse)
        self.assertEqual((rows["sk_msg"]["state"], rows["programs"]["state"]), ("missing", "works"), rows)

    def doctor(self, *before, preexec=None):
        done = subprocess.run([*before, PROGRAMS.weft, "doctor", "-o", "json"], capture_output=True, text=True, timeout=60 * SLOW,
                              preexec_fn=preexec)
        self.assertEqual(done.returncode, 0, done)
        return {row["name"]: row for row in json.loads(done.stdout)["probes"]}

    def test_hybrid_layout(self):
        """cgroup v2 elsewhere than at /sys/fs/cgroup is found; and doctor has tried all that the agent needs."""
        rows = self.doctor(*own_mounts(f"{NO_CGROUP_V2}; mount -t cgroup2 none {self.folder}"))
        row = rows["cgroup v2"]
        self.assertEqual((row["state"], row["finding"]), ("works", str(self.folder)), row)
        self.assertRegex(rows["capture"]["effect"], "by (tp_btf|fentry|kprobe)$")
        self.assertEqual((rows["programs"]["state"], rows["programs"]["finding"]), ("works", "loaded and attached"), rows)
        wait_for("its programs to go", lambda: host.bpf_programs() <= self.before)

    def test_in_a_container(self):
        """A cgroup namespace of its own shows a part of the hierarchy. The whole is taken where it is there as well."""
        mounts = pathlib.Path("/proc/mounts").read_text().splitlines()
        mount = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
        group = pathlib.Path(mount) / f"weft_refusals_{os.getpid()}"
        group.mkdir()
        self.addCleanup(group.rmdir)
        own, whole = self.folder / "own", self.folder / "whole"
        own.mkdir()
        whole.mkdir()
        inside = ["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh", "unshare", "--cgroup"]
        part = self.doctor(*inside, *own_mounts(f"{NO_CGROUP_V2}; mount -t cgroup2 none {own}"))["cgroup v2"]
        self.assertEqual((part["state"], part["finding"]), ("limited", f"{own} is not the root of the hierarchy"), part)
        both = own_mounts(f"mount -t cgroup2 none {own}; mount --bind {mount} {whole}; umount -l {mount}")
        row = self.doctor(*inside, *both)["cgroup v2"]
        self.assertEqual((row["state"], row["finding"]), ("works", str(whole)), row)


if __name__ == "__main__":
    unittest.main()
