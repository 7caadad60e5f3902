"""Raw OVSDB conversations with a server, for tests that compare two servers.

A Server runs one ovsdb-server program in a directory of its own; a Wire is one JSON-RPC connection
to it.  Nothing here knows which implementation it talks to.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

REFERENCE_SERVER = "/usr/sbin/ovsdb-server"
REFERENCE_TOOL = "/usr/bin/ovsdb-tool"


class Closed(Exception):
    """The server closed the connection."""


class Wire:
    """One connection.  Messages are Python values; replies and notifications come in order."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = ""
        self.decoder = json.JSONDecoder()
        self.next_id = 0
        self.notifications = []

    def close(self):
        self.socket.close()

    def send_raw(self, octets):
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed() from error

    def send(self, method, params, request_id=None):
        if request_id is None:
            request_id = self.next_id
            self.next_id += 1
        message = {"method": method, "params": params, "id": request_id}
        self.send_raw(json.dumps(message).encode())
        return request_id

    def notify(self, method, params):
        self.send_raw(json.dumps({"method": method, "params": params, "id": None}).encode())

    def receive(self, timeout=10):
        """The next message from the server."""
        self.socket.settimeout(timeout)
        while True:
            text = self.buffer.lstrip()
            try:
                value, end = self.decoder.raw_decode(text)
                self.buffer = text[end:]
                return value
            except json.JSONDecodeError:
                pass
            try:
                octets = self.socket.recv(1 << 20)
            except ConnectionResetError as error:
                raise Closed() from error
            if not octets:
                raise Closed()
            self.buffer += octets.decode("utf-8", "surrogateescape")

    def call(self, method, params, request_id=None):
        """Sends a request and returns its reply; notifications before it are kept aside."""
        request_id = self.send(method, params, request_id)
        while True:
            message = self.receive()
            if message.get("method") is None and message.get("id") == request_id:
                return message
            self.notifications.append(message)

    def take_notifications(self):
        """All notifications that the server sent because of what was answered before."""
        for _ in range(2):
            self.call("echo", ["barrier"], "barrier")
        taken, self.notifications = self.notifications, []
        return taken


class Server:
    """A running ovsdb-server with one database made from a schema file."""

    def __init__(self, program, tool, schema, arguments=()):
        self.directory = tempfile.mkdtemp(prefix="bondway-ovsdb-")
        self.process = None
        try:
            self._start(program, tool, schema, arguments)
        except BaseException:
            self.stop()
            raise

    def _start(self, program, tool, schema, arguments):
        self.program = program
        self.schema = schema
        self.database = self.path("conf.db")
        self.socket_path = self.path("db.sock")
        self.control_path = self.path("server.ctl")
        environment = dict(os.environ, OVS_RUNDIR=self.directory, OVS_DBDIR=self.directory,
                           OVS_LOGDIR=self.directory)
        subprocess.run([tool, "create", self.database, schema], check=True, env=environment,
                       stdout=subprocess.DEVNULL)
        self.log = open(self.path("stderr"), "wb")
        self.process = subprocess.Popen(
            [program, self.database, "--remote=punix:" + self.socket_path,
             "--unixctl=" + self.control_path, *arguments],
            env=environment, cwd=self.directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.log)
        self._wait_until_it_answers()

    def path(self, name):
        return os.path.join(self.directory, name)

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                self.connect().close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.flush()
                    with open(self.path("stderr"), encoding="utf-8", errors="replace") as log:
                        raise RuntimeError(self.program + " did not start:\n" + log.read()) from error
                time.sleep(0.02)

    def connect(self):
        return Wire(self.socket_path)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if hasattr(self, "log"):
            self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
