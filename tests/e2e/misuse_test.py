#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""misuse_test.py BUILD [unittest arguments]: whatever is wrong is said in one line, with the right exit code, and nothing
is left half attached."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
CLEAN, FAILURE, USAGE, UNSUPPORTED = range(4)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)

    def configuration(self, text):
        file = self.folder / "weft.yaml"
        file.write_text(text)
        return file

    def valid(self, **more):
        base = {"control": {"socket": str(self.folder / "weft.sock")}, "exporters": {"prometheus": {"listen": "off"}}}
        return self.configuration(json.dumps({**base, **more}))

    def weftd(self, *arguments, before=(), program=None, variables={}):
        """Has to end by itself."""
        return subprocess.run([*before, program or PROGRAMS.weftd, *map(str, arguments)], capture_output=True, text=True,
                              timeout=300, env=os.environ | variables)

    def expect(self, done, code, *texts):
        """One line on stderr with all texts."""
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done)
        self.assertTrue(done.stderr.startswith("weftd: "), done)
        for text in texts:
            self.assertIn(text, done.stderr)


class Arguments(Folder):
    """Nothing here reaches the kernel: it is refused before."""

    def test_place_of_a_wrong_configuration(self):
        cases = {"capture:\n  idle_timeout: soon\n": "weft.yaml:2:17: ",
                 "capture:\n  idle_timeouts: 1s\n": "weft.yaml:2:3: ",
                 "exporters:\n  otlp: {queue: -1}\n": "weft.yaml:2:17: ",
                 "log: [1, 2\n": "weft.yaml:",
                 "propagation:\n  inject: [b4]\n": "weft.yaml:2:12: ",
                 "page: {listen: 127.0.0.1:9465}\n": "not in this version"}
        for text, place in cases.items():
            with self.subTest(text):
                for flag in ([], ["--check-config"]):
                    self.expect(self.weftd("--config", self.configuration(text), *flag), USAGE, place)

    def test_good_configuration(self):
        for text in ("", "log: {level: debug}\n"):
            done = self.weftd("--check-config", "--config", self.configuration(text))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (CLEAN, "configuration is valid\n", ""))
        done = self.weftd("--check-config", "--config", pathlib.Path(__file__).parents[2] / "deploy" / "weft.yaml")
        self.assertEqual(done.returncode, CLEAN, done)

    def test_variables_that_set_nothing(self):
        variables = {"WEFT_LOG_LEVLE": "debug", "WEFT_STORE": "9", "WEFT_STORE_TRACES": "9", "WEFT_BUILD_DIR": "/nowhere"}
        done = self.weftd("--check-config", "--config", self.configuration(""), variables=variables)
        self.assertEqual((done.returncode, done.stdout), (CLEAN, "configuration is valid\n"), done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done)
        self.assertIn("nothing is set by WEFT_LOG_LEVLE, WEFT_STORE:", done.stderr)

    def test_form_of_the_log(self):
        """Text, or with --log-format json one object a line; the flag wins over the file."""
        config = self.configuration("log: {format: text}\n")
        for flags, is_json in (([], False), (["--log-format", "text"], False), (["--log-format", "json"], True)):
            with self.subTest(flags):
                done = self.weftd("--check-config", "--config", config, *flags, variables={"WEFT_LOG_LEVLE": "debug"})
                self.assertEqual((done.returncode, len(done.stderr.splitlines())), (CLEAN, 1), done)
                if is_json:
                    line = json.loads(done.stderr)
                    self.assertEqual((set(line), line["level"]), ({"time", "level", "message"}, "warning"))
                    self.assertIn("nothing is set by WEFT_LOG_LEVLE:", line["message"])
                else:
                    self.assertRegex(done.stderr, r"^\d{4}-\d\d-\d\d [\d:.]+ warning nothing is set by WEFT_LOG_LEVLE:")

    def test_missing_file(self):
        self.expect(self.weftd("--config", self.folder / "none.yaml"), USAGE, "none.yaml")

    def test_flags(self):
        for arguments in (["--nonsense"], ["--pid", "x"], ["--pid", "-1"], ["--port", "99999"], ["--console=xml"],
                          ["--log-level", "loud"], ["--log-format", "xml"], ["word"]):
            with self.subTest(arguments):
                self.expect(self.weftd("--config", self.valid(), *arguments), USAGE)

    def test_process_that_is_not_there(self):
        gone = subprocess.Popen(["/bin/true"])
        gone.wait()
        self.expect(self.weftd("--config", self.valid(), "--pid", gone.pid), 1, f"--pid: there is no process {gone.pid}")

    def test_a_command_that_is_not_there(self):
        cases = {("tarces",): ("there is no 'weft tarces'", "weft --help"),
                 ("sampling", "shwo"): ("there is no 'weft sampling shwo'", "weft sampling --help"),
                 ("trace",): ("id is required", "weft trace --help"),
                 ("spans", "--folow"): ("--folow", "weft spans --help")}
        for arguments, (wrong, help_of) in cases.items():
            with self.subTest(arguments):
                done = subprocess.run([PROGRAMS.weft, *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, USAGE)
                self.assertIn(wrong, done.stderr)
                self.assertTrue(done.stderr.endswith(f"Try: {help_of}\n"), done.stderr)

    def test_help_and_version(self):
        self.assertEqual(self.weftd("--help").returncode, CLEAN)
        done = self.weftd("--version")
        self.assertEqual((done.returncode, done.stdout.split()[0]), (CLEAN, "weftd"))


class Refusals(Folder):
    """Refused after a look at the machine; the kernel has to be as before."""

    def setUp(self):
        super().setUp()
        self.before = host.bpf_programs()

    def assert_nothing_left(self, allowed=frozenset()):
        wait_for("the kernel to be as before", lambda: host.bpf_programs() <= self.before | allowed)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name not in ("weft.yaml", "weft.sock.kept", "weftd")], [])

    def test_second_agent(self):
        with Agent(PROGRAMS) as first:
            loaded = first.all_programs()
            program = os.environ.get("WEFT_E2E_SECOND_WEFTD", PROGRAMS.weftd)
            self.expect(self.weftd("--config", self.valid(), program=program), FAILURE, "another weftd runs")
            self.assertEqual(first.run("status").returncode, 0)
            self.assert_nothing_left(loaded)

    def test_busy_scrape_port(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            done = self.weftd("--config", self.valid(exporters={"prometheus": {"listen": listen}}))
        self.expect(done, FAILURE, "exporters.prometheus.listen", listen)
        self.assert_nothing_left()

    def test_busy_control_socket(self):
        path = self.folder / "weft.sock"
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            self.expect(self.weftd("--config", self.valid()), FAILURE, "control socket", "weft.sock")
            self.assertTrue(path.exists())
        path.unlink()
        self.assert_nothing_left()

    def test_foreign_file_in_place_of_the_control_socket(self):
        path = self.folder / "weft.sock"
        path.write_text("precious")
        self.expect(self.weftd("--config", self.valid()), FAILURE, "control socket", "weft.sock")
        self.assertEqual(path.read_text(), "precious")
        path.unlink()
        self.assert_nothing_left()

    def test_folder_of_the_control_socket_cannot_be_made(self):
        (self.folder / "weft.sock.kept").write_text("")
        config = self.configuration(json.dumps({"control": {"socket": str(self.folder / "weft.sock.kept" / "x.sock")},
                                                "exporters": {"prometheus": {"listen": "off"}}}))
        self.expect(self.weftd("--config", config), FAILURE, "control socket")
        self.assert_nothing_left()

    def test_missing_privileges(self):
        config = self.valid()
        config.chmod(0o644)
        program = self.folder / "weftd"
        program.write_bytes(pathlib.Path(os.environ.get("WEFT_E2E_SECOND_WEFTD", PROGRAMS.weftd)).read_bytes())
        program.chmod(0o755)
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        self.expect(self.weftd("--config", config, before=nobody, program=program), UNSUPPORTED, "root")
        some = ["setpriv", "--bounding-set", "-sys_admin,-bpf"]
        self.expect(self.weftd("--config", config, before=some, program=program), UNSUPPORTED)
        self.assert_nothing_left()

    def test_stale_control_socket_is_taken_over(self):
        with Agent(PROGRAMS) as agent:
            agent.kill()
            self.assertTrue(pathlib.Path(agent.socket).exists())
            agent.check_unloaded()
            agent.start()
            self.assertEqual(os.stat(agent.socket).st_mode & 0o777, 0o600)
            agent.stop()
            self.assertFalse(pathlib.Path(agent.socket).exists())


class Unreachable(unittest.TestCase):
    def test_exporters_to_nowhere(self):
        """The agent runs, serves, says so, holds no more than its queue, and ends within its time."""
        port = host.free_port()
        nowhere = f"http://127.0.0.1:{port}"
        config = {"exporters": {"otlp": {"endpoint": nowhere, "queue": 50, "batch": 10, "delay": "100ms"},
                                "zipkin": {"endpoint": nowhere + "/api/v2/spans"},
                                "prometheus": {"listen": f"127.0.0.1:{(scrape := host.free_port())}"}},
                  "shutdown_timeout": "1s"}
        with Recorder() as recorder, Launcher() as launcher, Agent(PROGRAMS, pids=[launcher.pid], config=config) as agent:
            urls = [f"{recorder.url}/bytes/1?{n}" for n in range(300)]
            done = launcher.run("curl", "-sS", *urls)
            self.assertEqual(done.code, 0, done)
            agent.wait_spans("300 spans", lambda spans: len(spans) >= 300)
            status = wait_for("the exporters to be known as unwell", lambda: (s := agent.status())["healthy"] is False and s)
            exporters = {exporter["name"]: exporter for exporter in status["exporters"]}
            self.assertLessEqual(exporters["otlp"]["queued"], 50)
            self.assertIn(f"127.0.0.1 port {port}", " ".join(status["problems"]))
            self.assertGreater(sum(n for name, n in status["losses"].items() if name.startswith("otlp")), 0)
            self.assertEqual(agent.run("status").returncode, 1)
            self.assertRegex(agent.run("doctor").stdout, rf"\n  missing +exporter otlp +{nowhere}/v1/traces: connect: ")
            with urllib.request.urlopen(f"http://127.0.0.1:{scrape}/readyz") as answer:   # it traces
                self.assertEqual(answer.status, 200)
            with urllib.request.urlopen(f"http://127.0.0.1:{scrape}/metrics") as answer:
                self.assertIn('\nweft_export_failing{exporter="otlp"} 1\n', answer.read().decode())
            lines = [f"exporter otlp to {nowhere}/v1/traces fails: connect: ",
                     f"exporter zipkin to {nowhere}/api/v2/spans fails: connect: "]
            wait_for("the log to tell of both", lambda: all(line in agent.output() for line in lines))
            agent.stop()
            for line in lines:   # once, however many batches there were
                self.assertEqual(agent.output().count(line), 1, agent.output())


if __name__ == "__main__":
    unittest.main()
