#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""record_test.py BUILD: `weft record` beside live traffic, `weft replay` of it as nobody: the same spans, no secret in the file."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
SECRETS = {"Cookie": "session=c0okie-secret", "Authorization": "Bearer auth0rization-secret", "X-Api-Key": "ap1key-secret",
           "Baggage": "user=bagg4ge-secret"}
CONFIG = {"capture": {"headers": ["x-kept"]}}
KEPT = ("kept-header-value", "weft-test")


def comparable(span):
    """All but the offset between the two clocks, which each program measures for itself."""
    kept = {k: v for k, v in span.items() if k not in ("start_unix_nano", "end_unix_nano")}
    return {**kept, "duration": span["end_unix_nano"] - span["start_unix_nano"]}


class Record(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)
        self.file = self.folder / "traffic.weftrec"

    def record_scene(self):
        """Spans of the live agent, by span id, while the same events went to the file."""
        with servers.Python("threaded.py") as server, Launcher() as launcher, \
                Agent(PROGRAMS, pids=[server.pid, launcher.pid], config=CONFIG) as agent:
            recorder = subprocess.Popen([PROGRAMS.weft, "record", self.file, "--socket", agent.socket], stderr=subprocess.PIPE, text=True)
            wait_for("the recording to begin", lambda: self.file.exists())
            # Subscribed when an exchange reaches the file: the first ones only make sure of that.
            with requests.Connection(server.port) as connection:
                size = self.file.stat().st_size

                def grown():
                    connection.send("GET", "/small.txt")
                    return self.file.stat().st_size > size + 500
                wait_for("the recording to grow", grown)
                agent.wait_spans("the first spans", bool)
                sent = [connection.send("GET", f"/small.txt?q={n}&token=qu3ry-secret", X_Kept=KEPT[0], **SECRETS) for n in range(5)]
                sent.append(connection.send("POST", "/upload", b"b0dy-secret" * 100, **SECRETS))
                sent.append(connection.send("GET", "/fails", **SECRETS))
            url = f"http://127.0.0.1:{server.port}/small.txt"
            headers = [part for name, value in SECRETS.items() for part in ("-H", f"{name}: {value}")]
            done = launcher.run("curl", "-sS", "-o", "/dev/null", *headers, url, "-o", "/dev/null", url)
            self.assertEqual(done.code, 0, done)
            wanted = {s.trace_id for s in sent}
            spans = agent.wait_spans("all spans", lambda spans: wanted <= {s["trace_id"] for s in spans} and
                                     sum(s["resource"]["service.name"] == "curl" for s in spans) == 2 and
                                     len([s for s in spans if s["trace_id"] in self.curl_traces(spans)]) == 4)
            recorder.send_signal(signal.SIGINT)
            _, told = recorder.communicate(timeout=30)
            self.assertEqual(recorder.returncode, 0, told)
        wanted |= self.curl_traces(spans)
        return {s["span_id"]: s for s in spans if s["trace_id"] in wanted}

    @staticmethod
    def curl_traces(spans):
        return {s["trace_id"] for s in spans if s["resource"]["service.name"] == "curl"}

    def replay(self, *arguments):
        """As nobody, from a copy that nobody may read."""
        copy, program = self.folder / "copy.weftrec", self.folder / "weft"
        shutil.copyfile(self.file, copy)
        copy.chmod(0o644)
        if not program.exists():
            shutil.copyfile(PROGRAMS.weft, program)
            program.chmod(0o755)
        return subprocess.run([*NOBODY, program, "replay", copy, *arguments], capture_output=True, text=True, timeout=60)

    def test_replay_gives_the_same_spans_and_the_file_holds_no_secret(self):
        live = self.record_scene()
        self.assertGreaterEqual(len(live), 11)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        content = self.file.read_bytes()
        for secret in (*SECRETS.values(), "qu3ry-secret", "b0dy-secret"):
            self.assertNotIn(secret.partition("=")[2].encode() or secret.encode(), content)
            self.assertNotIn(secret.encode(), content)
        for kept in KEPT:
            self.assertIn(kept.encode(), content)
        config = self.folder / "weft.yaml"
        config.write_text(json.dumps(CONFIG))
        done = self.replay("-o", "json", "--config", config)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(KEPT[0], done.stdout)
        replayed = {span["span_id"]: span for span in map(json.loads, done.stdout.splitlines())}
        self.assertLessEqual(live.keys(), replayed.keys())
        for span_id, span in live.items():
            self.assertEqual(comparable(replayed[span_id]), comparable(span))
        self.assertEqual(self.replay().returncode, 0)

    def test_what_cannot_be_replayed_or_recorded(self):
        self.file.write_bytes(b"no recording at all")
        done = self.replay()
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done)
        with Agent(PROGRAMS) as agent:
            again = agent.run("record", "--duration", "100ms", self.file)
            self.assertEqual(again.returncode, 1, again)
            self.assertEqual(self.file.read_bytes(), b"no recording at all")
            self.assertEqual(agent.run("record", "--force", "--duration", "100ms", self.file).returncode, 0)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual(self.replay("-o", "json").stdout, "")


if __name__ == "__main__":
    unittest.main()
