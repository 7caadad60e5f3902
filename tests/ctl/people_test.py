#!/usr/bin/env python3
"""What ovs-vsctl does for people: advice on settings, completion in bash, help and manual page.

Usage: people_test.py --bin DIR --completion FILE
"""

import argparse
import os
import pty
import subprocess
import sys
import tempfile
import unittest

from databases import OurDatabase

OPTIONS = None
TYPO = "ovs-vsctl: other_config:lacp-tme is not a key of Port; did you mean lacp-time?\n"
CLAMPED = "ovs-vsctl: bond-rebalance-interval=500 will act as 1000\n"


class PeopleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="people-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.database = OurDatabase(os.path.join(cls.directory.name, "db"), OPTIONS.bin)
        cls.addClassCleanup(cls.database.stop)
        cls.program = os.path.join(OPTIONS.bin, "ovs-vsctl")
        cls.ok(cls, "add-br", "br0")
        cls.ok(cls, "add-bond", "br0", "bond0", "e1", "e2")

    def run_tool(self, *words, **more):
        result = subprocess.run(["ovs-vsctl", "--no-wait", *words], executable=self.program,
                                env=self.database.environment, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, check=False, **more)
        return result.stdout, result.stderr, result.returncode

    def ok(self, *words):
        out, err, status = PeopleTest.run_tool(self, *words)
        assert (err, status) == ("", 0), (words, err, status)
        return out

    def run_on_terminal(self, *words):
        """What a person sees on standard error."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(["ovs-vsctl", "--no-wait", *words], executable=self.program,
                                   env=self.database.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.assertEqual(process.wait(), 0)
        try:
            seen = os.read(ours, 4096).decode().replace("\r\n", "\n")
        except OSError:
            seen = ""
        os.close(ours)
        return seen

    # ---- advice

    def test_scripts_are_told_nothing(self):
        self.assertEqual(self.run_tool("set", "port", "bond0", "other_config:lacp-tme=fast"),
                         ("", "", 0))
        self.assertEqual(self.ok("get", "port", "bond0", "other_config:lacp-tme"), "fast\n")
        self.ok("clear", "port", "bond0", "other_config")

    def test_people_are(self):
        self.assertEqual(
            self.run_on_terminal("set", "port", "bond0", "other_config:lacp-tme=fast"), TYPO)
        self.assertEqual(self.run_on_terminal(
            "add", "port", "bond0", "other_config", "bond-rebalance-interval=500"), CLAMPED)
        self.assertEqual(self.run_on_terminal("set", "port", "bond0", "external_ids:a=b"), "")
        self.ok("clear", "port", "bond0", "other_config")

    def test_lint_tells_everybody(self):
        words = ["--lint", "set", "port", "bond0", "other_config:lacp-tme=fast",
                 "other_config:bond-rebalance-interval=500", "--", "get", "port", "bond0", "name"]
        self.assertEqual(self.run_tool(*words), ("bond0\n", TYPO + CLAMPED, 0))
        self.ok("clear", "port", "bond0", "other_config")

    def test_strict_refuses_before_anything_is_changed(self):
        words = ["--strict", "add-port", "br0", "p9", "tag=7", "--", "set", "port", "bond0",
                 "other_config:lacp-tme=fast"]
        self.assertEqual(self.run_tool(*words), ("", TYPO, 1))
        self.assertNotIn("p9", self.ok("list-ports", "br0"))
        self.assertEqual(self.run_tool("--strict", "set", "port", "bond0", "lacp=active"),
                         ("", "", 0))

    def test_a_new_port_is_checked_too(self):
        self.assertEqual(self.run_tool("--strict", "add-bond", "br0", "b9", "e8", "e9",
                                       "other_config:lacp-tme=fast"), ("", TYPO, 1))
        self.assertEqual(self.run_tool("--lint", "--dry-run", "add-port", "br0", "p8",
                                       "other_config={bond-rebalance-interval=500}"),
                         ("", CLAMPED, 0))

    def test_the_words_are_only_options_where_options_stand(self):
        self.assertEqual(self.run_tool("comment", "--lint", "--strict", "--complete"), ("", "", 0))
        out, err, status = self.run_tool("--", "--lint", "show")
        self.assertEqual((out, err, status),
                         ("", "ovs-vsctl: 'show' command has no '--lint' option\n", 1))

    # ---- completion

    def complete(self, line):
        script = r'''
          source "$1"
          compopt() { echo "compopt $*" >&2; }
          COMP_LINE=$2 COMP_POINT=${#2}
          _ovs_vsctl
          printf '%s\n' "${COMPREPLY[@]}"'''
        environment = dict(self.database.environment)
        environment["PATH"] = OPTIONS.bin + ":" + environment["PATH"]
        result = subprocess.run(["bash", "-c", script, "bash", OPTIONS.completion, line],
                                env=environment, capture_output=True, text=True, check=True)
        return result.stdout.split("\n")[:-1], result.stderr

    def test_completes_commands_and_names(self):
        self.assertEqual(self.complete("ovs-vsctl add-bond-"), (["add-bond-iface"], ""))
        self.assertEqual(self.complete("ovs-vsctl del-br "), (["br0"], ""))
        self.assertEqual(self.complete("ovs-vsctl --no-wait port-to-br bo"), (["bond0"], ""))
        self.assertEqual(self.complete("ovs-vsctl show -- iface-to-br e"), (["e1", "e2"], ""))

    def test_completes_after_what_bash_takes_for_the_end_of_a_word(self):
        self.assertEqual(self.complete("ovs-vsctl set port bond0 lacp=a"), (["active"], ""))
        self.assertEqual(self.complete("ovs-vsctl set port bond0 other_config:lacp-time=f"),
                         (["fast"], ""))
        words, err = self.complete("ovs-vsctl set port bond0 bond_m")
        self.assertEqual((words, err), (["bond_mode="], "compopt -o nospace\n"))

    def test_without_a_database_names_are_missing_and_nothing_else(self):
        environment = dict(self.database.environment, OVS_RUNDIR="/nonexistent")
        result = subprocess.run([self.program, "--complete", "del-br", ""], env=environment,
                                capture_output=True, text=True, check=False)
        self.assertEqual((result.stdout, result.stderr, result.returncode), ("", "", 0))

    # ---- help

    def test_help_names_every_command(self):
        commands = self.ok("--commands")
        text = self.ok("--help")
        for line in commands.strip().split("\n"):
            self.assertIn(line.split(",")[1], text)
        self.assertLessEqual(max(len(line) for line in text.split("\n")), 130)


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--completion", required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.bin = os.path.abspath(OPTIONS.bin)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
