#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""install_test.py BUILD [unittest arguments]: cmake --install into a folder that stands for the system's root."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()


class Install(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def install(self, prefix):
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True, text=True, timeout=60,
                              env=os.environ | {"DESTDIR": str(self.root)})
        self.assertEqual(done.returncode, 0, done)
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def run_installed(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def check(self, prefix, zsh):
        """All of it where Debian looks, nothing outside, and each part fit for use."""
        there = self.root / prefix.removeprefix("/")
        base = prefix.removeprefix("/")
        found = self.install(prefix)
        documents = {path for path in found if path.startswith(f"{base}/share/doc/weft/")}
        self.assertEqual(found - documents, {
            f"{base}/bin/weft", f"{base}/bin/weftd", f"{base}/lib/systemd/system/weftd.service", "etc/weft/weft.yaml",
            "etc/weft/baggage.yaml", f"{base}/share/bash-completion/completions/weft", f"{base}/share/zsh/{zsh}/_weft",
            f"{base}/share/fish/vendor_completions.d/weft.fish"})
        self.assertLessEqual({f"{base}/share/doc/weft/{name}" for name in ("README.md", "LICENSE", "LICENSE.BPF", "docs/limits.md")},
                             documents)
        for program in ("weft", "weftd"):
            self.assertTrue(self.run_installed(there / "bin" / program, "--version").startswith(program))
        for file in ("weft.yaml", "baggage.yaml"):
            self.assertEqual((self.root / "etc/weft" / file).read_bytes(), (BUILD.parent / "deploy" / file).read_bytes())
        self.assertEqual(self.run_installed(there / "bin/weftd", "--check-config", "--config", self.root / "etc/weft/weft.yaml"),
                         "configuration is valid\n")
        self.run_installed(there / "bin/weft", "policy", "check", self.root / "etc/weft/baggage.yaml")
        self.run_installed("bash", "-n", there / "share/bash-completion/completions/weft")
        self.check_unit(there / "lib/systemd/system/weftd.service", prefix)

    def check_unit(self, unit, prefix):
        text = unit.read_text()
        self.assertNotIn("@", text)   # nothing was left to be filled in
        self.assertIn(f"\nExecStart={prefix}/bin/weftd --config /etc/weft/weft.yaml\n", text)
        self.assertIn(f"\nDocumentation=file://{prefix}/share/doc/weft/README.md\n", text)
        # systemd itself reads it: as it would be with this folder as root.
        moved = self.root / "weftd.service"
        moved.write_text(text.replace(prefix + "/", f"{self.root}{prefix}/"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", moved], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        moved.unlink()

    def test_usr_local(self):
        self.check("/usr/local", "site-functions")

    def test_usr(self):
        self.check("/usr", "vendor-completions")

    def test_configuration_that_is_there_stays(self):
        folder = self.root / "etc/weft"
        folder.mkdir(parents=True)
        (folder / "weft.yaml").write_text("log: {level: debug}\n")
        self.install("/usr")
        self.assertEqual((folder / "weft.yaml").read_text(), "log: {level: debug}\n")
        self.assertTrue((folder / "baggage.yaml").exists())


if __name__ == "__main__":
    unittest.main()
