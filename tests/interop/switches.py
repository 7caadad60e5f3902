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
    """JSON-RPC 1.0 over a unix socket, one request at a time."""

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
        self.next_id += 1
        self.send({"id": self.next_id, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("method") == "echo":
                self.send({"id": message["id"], "result": message["params"], "error": None})
            elif message.get("id") == self.next_id:
                return message

    def send(self, message):
        self.socket.sendall(json.dumps(message).encode())

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
        self.processes, self.channels = [], []
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
        self.control = self.channel(os.path.join(self.directory, f"ovs-vswitchd.{pid}.ctl"))
        self.apply([])

    def make_first_row(self):
        if not self.transact(COUNT_ROWS)[0]["rows"]:
            self.transact(FIRST_ROW)

    def channel(self, path):
        self.channels.append(Channel(path))
        return self.channels[-1]

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
        """The answer's text; an error's is marked."""
        answer = self.control.call(name, list(arguments))
        if answer.get("error") is not None:
            return "error: " + answer["error"]
        return answer["result"] or ""

    def transact(self, operations):
        answer = self.database.call("transact", ["Open_vSwitch", *operations])
        if answer.get("error") is not None:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        for result in answer["result"]:
            if result and "error" in result:
                raise RuntimeError(f"{self.name}: {result} for {operations}")
        return answer["result"]

    def apply(self, operations):
        results = self.transact([
            *operations,
            {"op": "mutate", "table": "Open_vSwitch", "where": [],
             "mutations": [["next_cfg", "+=", 1]]},
            {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}])
        wanted = results[-1]["rows"][0]["next_cfg"]
        self.transact([{"op": "wait", "table": "Open_vSwitch", "where": [], "until": "==",
                        "timeout": 10000, "columns": ["cur_cfg"], "rows": [{"cur_cfg": wanted}]}])

    def select(self, table, columns):
        rows = self.transact([{"op": "select", "table": table, "where": [], "columns": columns}])
        return {row["name"]: row for row in rows[0]["rows"]}
