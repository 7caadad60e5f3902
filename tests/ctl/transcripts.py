#!/usr/bin/env python3
"""Replays recorded conversations with ovs-vsctl and compares every byte.

Usage: transcripts.py --bin DIR [--server reference|ours] [--scenarios REGEX] [--live] FILE

DIR holds the programs under test.  With --server reference, ovs-vsctl from DIR talks to the
ovsdb-server (and, in live scenarios, the ovs-vswitchd) that is installed on the machine; with
--server ours, to those in DIR.  The format of FILE is described at its top.

Every scenario runs in a temporary directory of its own, with servers of its own.
"""

import argparse
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

INSTALLED_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
INSTALLED_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ROW = re.compile(r"row[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}")
LITERAL_UUID = re.compile(r"(11111111-2222-3333-4444-|ffffffff-|00000000-0000-0000)")


class Block:
    """One command with what is expected of it."""

    def __init__(self, command, order, no_newline):
        self.command = command
        self.order = order
        self.no_newline = no_newline
        self.expected = []  # lines with their kind in front: "| ...", "! ...", "= ..."


class Scenario:
    def __init__(self, name, is_empty):
        self.name = name
        self.is_empty = is_empty
        self.live = None
        self.blocks = []


def read_scenarios(path):
    scenarios = []
    order, no_newline, block = None, False, None
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file.read().split("\n"):
            if line.startswith("% scenario "):
                words = line.split()
                scenarios.append(Scenario(words[2], "empty" in words[3:]))
            elif line.startswith("% live "):
                scenarios[-1].live = line.split()[2]
            elif line.startswith("% order "):
                order = line.split()[2]
            elif line.startswith("% no-newline"):
                no_newline = True
            elif line.startswith("$ "):
                block = Block(line[2:], order, no_newline)
                scenarios[-1].blocks.append(block)
                order, no_newline = None, False
            elif line[:2] in ("| ", "! ", "= ") or line in ("|", "!"):
                block.expected.append(line)
    return scenarios


# ---------------------------------------------------------------- canonical order


def mask(text):
    return ROW.sub("<row>", UUID.sub("<uuid>", text))


def sort_tree(lines):
    """Sorts sibling rows of the same kind of `ovs-vsctl show` by their text."""

    def parse(i, indent):
        nodes = []
        while i < len(lines):
            depth = len(lines[i]) - len(lines[i].lstrip(" "))
            if depth < indent:
                break
            children, after = parse(i + 1, depth + 4)
            nodes.append((lines[i], children))
            i = after
        return nodes, i

    def kind(node):
        match = re.match(r" *(Manager|Bridge|Port|Interface|Controller) ", node[0])
        return match.group(1) if match else None

    def emit(nodes):
        out, run = [], []

        def flush():
            for node in sorted(run, key=lambda n: (mask(n[0]), mask("\n".join(emit(n[1]))))):
                out.append(node[0])
                out.extend(emit(node[1]))
            run.clear()

        for node in nodes:
            if kind(node) is None:
                flush()
                out.append(node[0])
                out.extend(emit(node[1]))
                continue
            if run and kind(run[-1]) != kind(node):
                flush()
            run.append(node)
        flush()
        return out

    return emit(parse(0, 0)[0])


def in_order(lines, order):
    if not lines:
        return lines
    if order == "tree":
        return sort_tree(lines)
    if order == "rows":
        return "\n\n".join(sorted("\n".join(lines).split("\n\n"), key=mask)).split("\n")
    if order == "lines":
        return sorted(lines)
    return lines


# ---------------------------------------------------------------- placeholders


class Placeholders:
    """Numbers what differs from run to run in order of appearance, within one scenario."""

    def __init__(self, directory):
        self.directory = directory
        self.uuids = {}
        self.rows = {}

    def uuid(self, match):
        text = match.group(0)
        if LITERAL_UUID.match(text):
            return text
        return "<uuid-%d>" % self.uuids.setdefault(text, len(self.uuids) + 1)

    def row(self, match):
        return "<row-%d>" % self.rows.setdefault(match.group(0), len(self.rows) + 1)

    def apply(self, line):
        # Either of two clashing rows may be called "First": the one that existed comes first.
        match = re.match(
            r'(.*)First row, with UUID (.*?)\.  Second row, with UUID (.*?)\.(".*)$', line)
        if match and "existed" in match.group(3) and "existed" not in match.group(2):
            line = "%sFirst row, with UUID %s.  Second row, with UUID %s.%s" % match.group(1, 3, 2, 4)
        line = UUID.sub(self.uuid, ROW.sub(self.row, line))
        match = re.match(r"(.*: at least )(\S+) and (\S+)$", line)
        if match:
            line = match.group(1) + " and ".join(sorted(match.group(2, 3)))
        line = re.sub(r"timed out after \d+ ms", "timed out after <ms> ms", line)
        line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\|\d{5}\|", "<time>|<seq>|", line)
        line = line.replace(self.directory, "<rundir>")
        return re.sub(r"\[((?:<uuid-\d+>, )+<uuid-\d+>)\]", self.sort_set, line)

    @staticmethod
    def sort_set(match):
        numbers = sorted(match.group(1).split(", "), key=lambda text: int(text[6:-1]))
        return "[" + ", ".join(numbers) + "]"


# ---------------------------------------------------------------- running


class Servers:
    """The database server and the daemon of one scenario."""

    def __init__(self, options, scenario):
        self.options = options
        self.directory = tempfile.mkdtemp(prefix="transcript-")
        self.processes = []
        self.programs = os.path.join(self.directory, "programs")
        self.run = os.path.join(self.directory, "run")
        os.mkdir(self.programs)
        os.mkdir(self.run)
        self.environment = dict(os.environ, OVS_RUNDIR=self.run, OVS_LOGDIR=self.run,
                                OVS_DBDIR=self.run, LC_ALL="C", TZ="UTC",
                                PATH=self.programs + ":" + INSTALLED_PATH)
        self.environment.pop("OVS_CTL_TIMEOUT", None)
        self.link_programs()
        self.start_database()
        if not scenario.is_empty:
            self.shell("ovs-vsctl --no-wait init")
        if scenario.live:
            self.start_daemon(scenario.live)

    def link_programs(self):
        wanted = ["ovs-vsctl"]
        if self.options.server == "ours":
            wanted += ["ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-appctl", "ovsdb-client"]
        for name in wanted:
            path = os.path.join(os.path.abspath(self.options.bin), name)
            if os.path.exists(path):
                os.symlink(path, os.path.join(self.programs, name))

    def spawn(self, arguments, log):
        with open(os.path.join(self.directory, log), "wb") as file:
            self.processes.append(subprocess.Popen(
                arguments, cwd=self.run, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file))

    def program(self, name):
        return shutil.which(name, path=self.environment["PATH"])

    def start_database(self):
        database = os.path.join(self.run, "conf.db")
        if self.options.server == "reference":
            subprocess.run(["ovsdb-tool", "create", database, INSTALLED_SCHEMA], check=True,
                           env=self.environment)
        socket = os.path.join(self.run, "db.sock")
        self.spawn([self.program("ovsdb-server"), "--remote=punix:" + socket,
                    "--remote=db:Open_vSwitch,Open_vSwitch,manager_options", database],
                   "ovsdb-server.log")
        self.wait_for(socket)

    def wait_for(self, path):
        for _ in range(1000):
            if os.path.exists(path):
                return
            if self.processes[-1].poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError("the server did not start; see " + self.directory)

    def start_daemon(self, mode):
        dummy = "--enable-dummy=override" if mode == "override" else "--enable-dummy"
        self.spawn([self.program("ovs-vswitchd"), dummy, "--disable-system",
                    "unix:" + os.path.join(self.run, "db.sock")], "ovs-vswitchd.log")
        # Ready when it has answered a change of the configuration.
        self.shell("ovs-vsctl -t 20 wait-until Open_vSwitch . datapath_types!=[]")

    def shell(self, command):
        return subprocess.run(["bash", "-c", command], cwd=self.run, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=90, check=False)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def lines_of(output):
    text = output.decode("utf-8", "surrogateescape")
    if text.endswith("\n"):
        text = text[:-1]
    elif not text:
        return []
    return text.split("\n")


def actual_lines(block, result, placeholders):
    out = in_order(lines_of(result.stdout), block.order)
    lines = ["| " + line for line in out] + ["! " + line for line in lines_of(result.stderr)]
    status = result.returncode if result.returncode >= 0 else 128 - result.returncode
    return [placeholders.apply(line) for line in lines + ["= %d" % status]]


def comparable(lines):
    return [line if line not in ("|", "!") else line + " " for line in lines]


def replay(options, scenario):
    """The differences of one scenario, as text."""
    differences = []
    servers = Servers(options, scenario)
    placeholders = Placeholders(servers.run)
    try:
        for block in scenario.blocks:
            command = block.command
            result = servers.shell(command)
            actual = actual_lines(block, result, placeholders)
            expected = comparable(block.expected)
            if actual != expected:
                differences.append("$ %s\n%s" % (command, "\n".join(
                    list(difflib.unified_diff(expected, actual, "expected", "actual",
                                              lineterm="", n=1))[2:])))
    finally:
        servers.stop()
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--server", choices=["reference", "ours"], default="reference")
    parser.add_argument("--scenarios", default=".*")
    parser.add_argument("--live", action="store_true", help="also those that need the daemon")
    parser.add_argument("file")
    options = parser.parse_args()

    blocks, failures = 0, 0
    for scenario in read_scenarios(options.file):
        if not re.fullmatch(options.scenarios, scenario.name):
            continue
        if scenario.live and not options.live:
            continue
        differences = replay(options, scenario)
        blocks += len(scenario.blocks)
        failures += len(differences)
        for difference in differences:
            print("[%s] %s\n" % (scenario.name, difference))
        print("%s: %d of %d blocks as recorded" % (
            scenario.name, len(scenario.blocks) - len(differences), len(scenario.blocks)),
            flush=True)
    print("%d blocks, %d differences" % (blocks, failures))
    return 1 if failures or not blocks else 0


if __name__ == "__main__":
    sys.exit(main())
