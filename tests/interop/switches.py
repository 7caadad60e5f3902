"""Debian's Open vSwitch and ours, each with its own temporary directory.

They are spoken to over their own sockets, since a process per command would cost more than the
command.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
REFERENCE = {"vswitchd": "/usr/sbin/ovs-vswitchd", "server": "/usr/sbin/ovsdb-server",
             "tool": "/usr/bin/ovsdb-tool"}
FIRST_ROW = [{"op": "insert", "table": "Open_vSwitch", "row": {}}]  # as `ovs-vsctl init` does
COUNT_ROWS = [{"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}]
DUMMIES = ["--enable-dummy=override", "--disable-system"]


def reference_is_installed():
    return all(os.access(path, os.X_OK) for path in REFERENCE.values()) and os.path.exists(SCHEMA)


class Channel:
    """JSON-RPC 1.0 over a unix socket.  Several requests in one call cost one round trip."""

    def __init__(self, path, timeout=20):
        deadline = time.monotonic() + timeout
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.pending = ""
        self.next_id = 0
        self.decoder = json.JSONDecoder()

    def call(self, method, params):
        return self.call_all([(method, params)])[0]

    def call_all(self, requests):
        """The answers to (method, params) pairs, which are answered in their order."""
        first, self.next_id = self.next_id, self.next_id + len(requests)
        self.socket.sendall("".join(
            json.dumps({"id": first + i, "method": method, "params": params})
            for i, (method, params) in enumerate(requests)).encode())
        return [self.answer_to(first + i) for i in range(len(requests))]

    def answer_to(self, identifier):
        while True:
            message = self.receive()
            if message.get("method") == "echo":
                answer = {"id": message["id"], "result": message["params"], "error": None}
                self.socket.sendall(json.dumps(answer).encode())
            elif message.get("id") == identifier:
                return message

    def receive(self):
        while True:
            try:
                self.pending = self.pending.lstrip()
                message, end = self.decoder.raw_decode(self.pending)
                self.pending = self.pending[end:]
                return message
            except json.JSONDecodeError:
                data = self.socket.recv(65536)
                if not data:
                    raise EOFError("the switch closed its socket")
                self.pending += data.decode()

    def close(self):
        self.socket.close()


class Switch:
    """A running switch on dummy devices, its clock stopped.  `command(...)` is what ovs-appctl
    does, `apply(...)` a transaction that has taken effect when it returns."""

    options = DUMMIES
    prefix = []  # what its processes are run by

    def __init__(self, name, directory, vswitchd):
        self.name, self.directory, self.vswitchd = name, directory, vswitchd
        self.processes, self.channels, self.next_cfg = [], [], 0
        os.makedirs(directory)
        self.environment = dict(os.environ, OVS_RUNDIR=directory, OVS_LOGDIR=directory,
                                OVS_DBDIR=directory, LC_ALL="C", TZ="UTC")

    def spawn(self, *arguments):
        log = open(os.path.join(self.directory, "console.log"), "ab")
        self.processes.append(subprocess.Popen(
            [*self.prefix, *arguments], env=self.environment, cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        log.close()
        return self.processes[-1].pid

    def start(self):
        self.start_daemons()
        self.command("time/stop")
        self.command("vlog/disable-rate-limit")
        self.log = open(os.path.join(self.directory, "ovs-vswitchd.log"), encoding="ascii")
        self.unfinished_line = ""

    def start_daemons(self):
        socket_path = os.path.join(self.directory, "db.sock")
        options = ["--no-chdir", "--pidfile", "--log-file", *self.options]
        if self.vswitchd == REFERENCE["vswitchd"]:
            file = os.path.join(self.directory, "conf.db")
            if not os.path.exists(file):
                subprocess.run([REFERENCE["tool"], "create", file, SCHEMA], check=True,
                               env=self.environment)
            self.spawn(REFERENCE["server"], "--no-chdir", "--pidfile", "--remote=punix:" +
                       socket_path, file)
            self.database = self.channel(socket_path)
            self.make_first_row()
            pid = self.spawn(self.vswitchd, *options, "unix:" + socket_path)
        else:
            pid = self.spawn(self.vswitchd, *options)
            self.database = self.channel(socket_path)
            self.make_first_row()
        self.control_path = os.path.join(self.directory, f"ovs-vswitchd.{pid}.ctl")
        self.control = self.channel(self.control_path)
        self.apply([])

    def make_first_row(self):
        if not self.transact(COUNT_ROWS)[0]["rows"]:
            self.transact(FIRST_ROW)

    def new_log_lines(self):
        """What was logged since the last call."""
        *lines, self.unfinished_line = (self.unfinished_line + self.log.read()).split("\n")
        return lines

    def channel(self, path):
        self.channels.append(Channel(path))
        return self.channels[-1]

    def warp(self, jumps):
        """Advances the clock by so many milliseconds each time, with a pass of the main loop after
        each.  (The command's own second argument does less: the reference skips the first pass.)"""
        for jump in jumps:
            self.pass_once("time/warp", str(jump))
        return ""

    def pass_once(self, name, *arguments):
        """A command by a connection of its own, so that a whole pass of the main loop lies between
        it and the one before: requests of one connection may share a pass."""
        channel = Channel(self.control_path)
        channel.call(name, list(arguments))
        channel.close()

    def stop(self):
        for channel in self.channels:
            channel.close()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes, self.channels = [], []

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def alive(self):
        return all(process.poll() is None for process in self.processes)

    def command(self, name, *arguments):
        return self.commands([(name, *arguments)])[0]

    def commands(self, lines):
        """The answers' texts; an error's is marked."""
        answers = self.control.call_all([(name, arguments) for name, *arguments in lines])
        return ["error: " + a["error"] if a.get("error") is not None else a["result"] or ""
                for a in answers]

    def transact(self, operations):
        return self.transactions([operations])[0]

    def transactions(self, all_operations):
        answers = self.database.call_all(
            [("transact", ["Open_vSwitch", *operations]) for operations in all_operations])
        for answer, operations in zip(answers, all_operations):
            if answer.get("error") is not None:
                raise RuntimeError(f"{self.name}: {answer['error']}")
            for result in answer["result"]:
                if result and "error" in result:
                    raise RuntimeError(f"{self.name}: {result} for {operations}")
        return [answer["result"] for answer in answers]

    def apply(self, operations):
        self.next_cfg += 1
        self.transactions([
            [*operations, {"op": "update", "table": "Open_vSwitch", "where": [],
                           "row": {"next_cfg": self.next_cfg}}],
            [{"op": "wait", "table": "Open_vSwitch", "where": [], "until": "==",
              "timeout": 10000, "columns": ["cur_cfg"], "rows": [{"cur_cfg": self.next_cfg}]}]])

    def select(self, **columns):
        """The rows of each of the tables, by name."""
        answers = self.transactions([
            [{"op": "select", "table": table, "where": [], "columns": wanted}
             for table, wanted in columns.items()]])[0]
        return [{row["name"]: row for row in answer["rows"]} for answer in answers]
