#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart from outside: quickstart_test.py BUILD. As root; kernel programs are loaded."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
QUICKSTART = pathlib.Path(__file__).resolve().parents[2] / "tools" / "quickstart"
LIMIT_S = 100
SERVERS = {"apache2", "shop", "stock", "prices", "nginx"}
SERVICES = SERVERS | {"shipping"}
EDGES = {("", "apache2"), ("apache2", "shop"), ("shop", "stock"), ("shop", "prices"), ("stock", "nginx"),
         ("prices", "nginx"), ("shop", "shipping"), ("shipping", "stock")}  # who calls whom
SPANS = 17
CAUSES = {"CLIENT": {"SERVER", "CONSUMER"}, "PRODUCER": {"SERVER"}, "SERVER": {"CLIENT"}, "CONSUMER": {"PRODUCER"}}


def kernel_programs():
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True).stdout
    return {program["id"] for program in json.loads(shown) if program.get("name", "").startswith("on_")}


def processes_of(folder, session):
    """Processes of this session, or that know the folder by their arguments or environment."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()
            known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue  # it has just ended
        if int(entry.name) != os.getpid() and (int(state[3]) == session or str(folder).encode() in known):
            found.append((entry.name, known.split(b"\0")[0]))
    return found


def eventually(condition):
    """What the kernel frees late (a program after its last reader) is free within seconds, or never."""
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def services_of_waterfall(text):
    rows = text.partition("\ntrace ")[2].splitlines()[1:]
    return {row.split()[0] for row in rows if row}


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.assertEqual(os.geteuid(), 0, "needs root")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quickstart-test-"))
        self.folder.chmod(0o755)  # the demo's services run as nobody
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = self.folder / "run" / "weft.sock"
        self.environment = os.environ | {"WEFT_BUILD_DIR": str(BUILD), "TMPDIR": str(self.folder),
                                         "WEFT_CONTROL_SOCKET": str(self.socket)}
        self.programs = kernel_programs()

    def start(self, *words):
        process = subprocess.Popen([str(QUICKSTART), *words], env=self.environment, start_new_session=True, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process):
        """Whatever became of it: nothing of its session or with the folder's name goes on."""
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
        for pid, _ in processes_of(self.folder, process.pid):
            os.kill(int(pid), signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def weft(self, *words):
        answer = subprocess.run([str(BUILD / "weft"), "--socket", str(self.socket), "-o", "json", *words],
                                capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)

    def assert_nothing_left(self, session, output):
        self.assertTrue(eventually(lambda: not processes_of(self.folder, session)), processes_of(self.folder, session))
        self.assertTrue(eventually(lambda: kernel_programs() <= self.programs), "kernel programs are still loaded")
        self.assertEqual(list(self.folder.iterdir()), [])
        ports = re.findall(r":(\d+)", output)
        self.assertGreaterEqual(len(ports), 6)
        for port in set(ports):
            with socket.socket() as probe:
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", int(port))), 0, f"port {port} still answers")

    def assert_right_parents(self, trace_id, root_parent=""):
        spans = self.weft("trace", trace_id)["spans"]
        by_id = {span["span_id"]: span for span in spans}
        name = lambda span: span["resource"]["service.name"]
        self.assertEqual({name(span) for span in spans}, SERVICES)
        edges = set()
        for span in spans:
            self.assertEqual(span["trace_id"], trace_id)
            parent = by_id.get(span["parent_span_id"])
            self.assertTrue(parent or span["parent_span_id"] == root_parent, f"{span['name']}: its parent is not there")
            if parent:
                self.assertIn(parent["kind"], CAUSES[span["kind"]])
            if span["kind"] in ("CLIENT", "PRODUCER"):
                self.assertEqual(name(parent), name(span))
            elif parent:
                edges.add((name(parent), name(span)))
            else:
                edges.add(("", name(span)))
        self.assertEqual(edges, EDGES)
        self.assertEqual(len(spans), SPANS)

    def test_once(self):
        process = self.start("--once")
        output, errors = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assertEqual(services_of_waterfall(output), SERVICES, output)
        self.assertRegex(output, r"trace [0-9a-f]{32} .* 17 spans  6 services")
        self.assertNotIn("is not here", output)
        self.assertNotIn("not injected", output)
        self.assert_nothing_left(process.pid, output)

    def test_stays_and_ends(self):
        process = self.start()
        output = ""
        alarm = threading.Timer(LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        self.addCleanup(alarm.cancel)
        while "Ctrl-C ends" not in output:
            line = process.stdout.readline()
            if not line:
                self.fail(output + process.stderr.read())
            output += line
        alarm.cancel()
        self.a_request_of_ones_own(re.search(r"curl (http://\S+/shop/orders/)\d", output)[1] + "4711")
        self.a_second_one_is_refused()
        self.assertTrue(self.weft("status")["healthy"])
        metrics = urllib.request.urlopen(re.search(r"http://\S+/metrics", output)[0], timeout=10).read().decode()
        for service in SERVERS:
            self.assertIn(f'http_server_request_duration_seconds_count{{service_name="{service}"', metrics)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        rest, errors = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, errors), (0, ""), rest)
        self.assert_nothing_left(process.pid, output)

    def a_request_of_ones_own(self, url):
        """It brings a context: the gateway forwards the header, which becomes the gateway's own on the way."""
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        request = urllib.request.Request(url, headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
        self.assertEqual(json.load(urllib.request.urlopen(request, timeout=10))["order"], "4711")
        self.assertTrue(eventually(lambda: any(trace["trace_id"] == trace_id and trace["spans"] >= SPANS
                                               for trace in self.weft("traces", "-n", "200")["traces"])))
        self.assert_right_parents(trace_id, "00f067aa0ba902b7")
        complete = [trace["trace_id"] for trace in self.weft("traces", "-n", "200")["traces"]
                    if trace["spans"] >= SPANS and trace["trace_id"] != trace_id]
        self.assertTrue(complete)
        self.assert_right_parents(complete[0])

    def a_second_one_is_refused(self):
        second = self.start("--once")
        output, errors = second.communicate(timeout=LIMIT_S)
        self.assertEqual(second.returncode, 1, output)
        self.assertRegex(errors, r"\Aquickstart: .*another (weftd runs|agent answers).*\n\Z")


if __name__ == "__main__":
    unittest.main()
