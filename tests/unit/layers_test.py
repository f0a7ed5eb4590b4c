#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layer checker finds what it is there to find: layers_test.py PATH_OF_TOOLS_LAYERS"""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("layers", sys.argv.pop(1))
layers = importlib.util.module_from_spec(importlib.util.spec_from_loader("layers", loader))
loader.exec_module(layers)


class Layers(unittest.TestCase):
    def violations(self, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return layers.check(root)[0]

    def assert_refused(self, path, include, target):
        found = self.violations({path: f'// first line\n#include "{include}"\n', target: ""})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{path}:2: "), found[0])
        self.assertIn(target, found[0])

    def assert_allowed(self, path, include, target):
        self.assertEqual(self.violations({path: f'#include "{include}"\n', target: ""}), [])

    def test_the_way_of_a_request_is_one_way(self):
        way = ["base", "span", "decode", "correlate", "assemble", "policy", "pipeline", "agent"]
        for i, near in enumerate(way):
            for far in way[i + 1:]:
                self.assert_refused(f"userspace/{near}/a.h", f"{far}/b.h", f"userspace/{far}/b.h")
                self.assert_allowed(f"userspace/{far}/a.h", f"{near}/b.h", f"userspace/{near}/b.h")

    def test_nothing_includes_the_agent(self):
        for unit in layers.ALLOWED:
            if unit.startswith(("userspace", "exporter")) and unit != "userspace/agent":
                self.assert_refused(f"{unit}/a.cc", "agent/x.h", "userspace/agent/x.h")

    def test_an_exporter_knows_only_base_and_span(self):
        self.assert_allowed("exporter/otlp/a.cc", "span/span.h", "userspace/span/span.h")
        self.assert_allowed("exporter/otlp/a.cc", "exporter/exporter.h", "exporter/exporter.h")
        self.assert_refused("exporter/otlp/a.cc", "exporter/zipkin/z.h", "exporter/zipkin/z.h")
        self.assert_refused("exporter/otlp/a.cc", "control/config.h", "userspace/control/config.h")
        self.assert_refused("exporter/queue.cc", "exporter/otlp/o.h", "exporter/otlp/o.h")

    def test_a_header_named_alone_opens_only_itself(self):
        self.assert_allowed("userspace/decode/a.cc", "kernel/event_source.h", "userspace/kernel/event_source.h")
        self.assert_refused("userspace/decode/a.cc", "kernel/kernel.h", "userspace/kernel/kernel.h")

    def test_kernel_side(self):
        self.assert_refused("bpf/wire/a.h", "maps/m.h", "bpf/maps/m.h")
        self.assert_refused("bpf/maps/a.h", "protocols/http1/o.h", "bpf/protocols/http1/o.h")
        self.assert_refused("bpf/lib/a.h", "protocols/table.h", "bpf/protocols/table.h")
        self.assert_refused("bpf/protocols/http1/a.h", "protocols/http2/o.h", "bpf/protocols/http2/o.h")
        self.assert_refused("bpf/protocols/http1/a.h", "../http2/o.h", "bpf/protocols/http2/o.h")
        self.assert_allowed("bpf/protocols/http1/a.h", "lib/emit.h", "bpf/lib/emit.h")
        self.assert_allowed("bpf/programs/a.bpf.c", "protocols/http1/o.h", "bpf/protocols/http1/o.h")
        self.assert_allowed("bpf/programs/a.bpf.c", "protocols/table.h", "bpf/protocols/table.h")

    def test_user_space_takes_only_the_wire_contract_from_the_kernel_side(self):
        self.assert_allowed("userspace/decode/a.cc", "wire/events.h", "bpf/wire/events.h")
        self.assert_refused("userspace/decode/a.cc", "bpf/maps/m.h", "bpf/maps/m.h")

    def test_libraries_stay_in_their_room(self):
        for include in ["<bpf/libbpf.h>", '"socket.skel.h"']:
            text = f"#include {include}\n"
            self.assertEqual(len(self.violations({"userspace/discover/a.cc": text})), 1)
            self.assertEqual(self.violations({"userspace/kernel/a.cc": text}), [])

    def test_a_new_folder_needs_a_row(self):
        self.assertEqual(len(self.violations({"userspace/misc/a.cc": ""})), 1)

    def test_long_files(self):
        self.assertEqual(self.violations({"userspace/base/a.cc": "//\n" * layers.TOO_LONG_LINES}), [])
        self.assertEqual(len(self.violations({"userspace/base/a.cc": "//\n" * (layers.TOO_LONG_LINES + 1)})), 1)

    def test_exit_code(self):
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
            sys.argv[1:] = [root]
            self.assertEqual(layers.main(), 0)
            os.makedirs(os.path.join(root, "userspace/misc"))
            open(os.path.join(root, "userspace/misc/a.cc"), "w", encoding="utf-8").close()
            self.assertEqual(layers.main(), 1)


if __name__ == "__main__":
    unittest.main()
