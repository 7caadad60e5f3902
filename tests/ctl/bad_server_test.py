#!/usr/bin/env python3
"""ovs-vsctl and servers that misbehave, and command lines that are very long.

Usage: bad_server_test.py --bin DIR

Where Open vSwitch is installed, its ovs-vsctl must say the same, byte for byte.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from databases import OurDatabase

REFERENCE = "/usr/bin/ovs-vsctl"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\|")
OPTIONS = None
ALARM = -14


class Server:
    """Listens, and lets `serve(connection)` do what it likes with every client."""

    def __init__(self, path, serve):
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.serve = serve
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection:
                try:
                    self.serve(connection)
                except (ConnectionError, BrokenPipeError):
                    pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def answer_nothing(connection):
    while connection.recv(65536):
        pass


def saying(text):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(text)
        answer_nothing(connection)
    return serve


def then_closing(text):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(text)
    return serve


class Messages:
    """The JSON texts of one direction."""

    def __init__(self):
        self.pending = ""
        self.decoder = json.JSONDecoder()

    def feed(self, data):
        self.pending += data.decode()
        found = []
        while self.pending.strip():
            try:
                message, end = self.decoder.raw_decode(self.pending.lstrip())
            except json.JSONDecodeError:
                break
            self.pending = self.pending.lstrip()[end:]
            found.append(message)
        return found


def is_change(message):
    return message.get("method") == "transact" and any(
        operation.get("op") in ("insert", "update", "mutate") for operation in message["params"][1:])


class Proxy:
    """Passes everything on, but for the first change.  That is lost on its way to the server, or
    the answer on its way back; then the connection ends."""

    def __init__(self, path, loses_change):
        self.path = path
        self.loses_change = loses_change
        self.has_acted = False

    def __call__(self, client):
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.path)
            answers = threading.Thread(target=self.pass_answers, args=(server, client))
            answers.start()
            self.pass_requests(client, server)
            server.shutdown(socket.SHUT_RDWR)
            answers.join()

    def pass_answers(self, server, client):
        while True:
            data = server.recv(65536)
            if not data:
                return
            if not self.has_acted or self.is_over:
                client.sendall(data)

    def pass_requests(self, client, server):
        requests = Messages()
        self.is_over = self.has_acted
        while True:
            data = client.recv(1 << 20)
            if not data:
                return
            for message in requests.feed(data):
                if self.has_acted or not is_change(message):
                    server.sendall(json.dumps(message).encode())
                    continue
                self.has_acted = True
                if not self.loses_change:
                    server.sendall(json.dumps(message).encode())
                    time.sleep(0.3)  # the server has made the change; nobody hears of it
                return


class BadServerTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="bad-server-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.database = OurDatabase(os.path.join(cls.directory.name, "db"), OPTIONS.bin)
        cls.addClassCleanup(cls.database.stop)
        cls.real = os.path.join(cls.database.directory, "db.sock")
        cls.bad = os.path.join(cls.directory.name, "bad.sock")
        cls.programs = [os.path.join(OPTIONS.bin, "ovs-vsctl")]
        if os.path.exists(REFERENCE):
            cls.programs.append(REFERENCE)
        cls.run_tool(cls, cls.programs[0], "--no-wait", "add-br", "br0")

    def run_tool(self, program, *words):
        result = subprocess.run(["ovs-vsctl", *words], executable=program,
                                env=self.database.environment, stdin=subprocess.DEVNULL,
                                capture_output=True, check=False, timeout=240)
        # What the original has to say of a message that makes no sense, we do not.
        text = lambda data: re.sub(r"\d{5}\|jsonrpc\|WARN\|.*\n", "", TIME.sub(
            "", data.decode("utf-8", "surrogateescape")))
        return text(result.stdout), text(result.stderr), result.returncode

    def both(self, *words):
        """What ours answers; the installed one must answer the same."""
        answers = [self.run_tool(program, *words) for program in self.programs]
        for answer in answers[1:]:
            self.assertEqual(answers[0], answer, words)
        return answers[0]

    def against(self, serve, *words):
        server = Server(self.bad, serve)
        try:
            answers = [self.run_tool(program, "--db=unix:" + self.bad, "--no-wait", *words)
                       for program in self.programs]
            unnumbered = [(out, re.sub(r"^\d{5}", "", err), status)
                          for out, err, status in answers]
            for answer in unnumbered[1:]:
                self.assertEqual(unnumbered[0], answer, words)
            return answers[0]
        finally:
            server.stop()

    def bridges(self):
        return self.run_tool(self.programs[0], "--no-wait", "list-br")[0].split()

    # ---- servers

    def test_a_server_that_is_not_there(self):
        self.assertEqual(self.both("--db=unix:/nonexistent/x", "show"), (
            "", "ovs-vsctl: unix:/nonexistent/x: database connection failed "
            "(No such file or directory)\n", 1))
        self.both("--db=tcp:127.0.0.1:1", "show")
        self.both("--db=foo", "show")
        self.both("--db=", "show")
        self.both("--db=unix:/nonexistent/x,unix:/nonexistent/x", "show")
        self.both("--db=ssl:127.0.0.1:1", "show")
        self.both("--db=ssl:127.0.0.1:1", "-p", "k", "-c", "c", "-C", "a", "show")

    def test_of_several_servers_one_is_enough(self):
        words = ["--db=unix:/nonexistent/x,unix:" + self.real, "--no-wait", "--retry", "list-br"]
        self.assertEqual(self.both(*words), ("br0\n", "", 0))

    def test_a_server_that_never_answers(self):
        out, err, status = self.against(answer_nothing, "-t", "1", "add-br", "br9")
        self.assertEqual((out, status), ("", ALARM))
        self.assertIn("|fatal_signal|WARN|terminating with signal 14 (Alarm clock)\n", err)

    def test_retry_ends_by_timeout(self):
        out, err, status = self.both("--db=unix:/nonexistent/x", "--retry", "-t", "1", "show")
        self.assertEqual((out, status), ("", ALARM))
        self.assertIn("terminating with signal 14 (Alarm clock)", err)

    def test_a_server_that_hangs_up(self):
        out, err, status = self.against(then_closing(b""), "add-br", "br9")
        self.assertEqual((out, status), ("", 1))
        self.assertIn("database connection failed (End of file)", err)
        self.against(then_closing(b'{"id":1,"result":'), "add-br", "br9")

    def test_a_server_that_talks_nonsense(self):
        for text in (b"hello world\n", b"\x00\xff\x00", b"[]", b"{}", b'{"id":1}',
                     b'{"id":1,"result":{},"error":null,"more":1}', b'{"method":5}'):
            with self.subTest(text=text):
                out, err, status = self.against(then_closing(text), "-t", "5", "add-br", "br9")
                self.assertEqual((out, status), ("", 1))
                self.assertIn("database connection failed (", err)

    def test_answers_of_the_wrong_form_are_a_clear_error(self):
        # The installed one asks otherwise, so that here there is nothing to compare.
        for result in (b"null", b"5", b'"x"', b"{}", b"[]", b"[5]", b'[{"rows":5}]',
                       b'[{"rows":[{"_uuid":5}]}]', b'[{"rows":[{}]}]', b'[{"rows":[{"_uuid":["uuid","x"]}]}]'):
            with self.subTest(result=result):
                server = Server(self.bad, saying(b'{"id":1,"result":' + result + b',"error":null}'))
                out, err, status = self.run_tool(self.programs[0], "--db=unix:" + self.bad, "-t",
                                                 "2", "--no-wait", "list-br")
                server.stop()
                self.assertEqual(out, "")
                self.assertIn(status, (1, ALARM))
                self.assertNotEqual(err, "")

    def change_through(self, program, loses_change, *after):
        """What comes of a change that is cut off, and the ports of the new bridge."""
        server = Server(self.bad, Proxy(self.real, loses_change))
        answer = self.run_tool(program, "--db=unix:" + self.bad, "--no-wait", "-t", "10", "add-br",
                               "br7", "--", "add-port", "br7", "p7", *after)
        server.stop()
        ports = self.run_tool(self.programs[0], "--no-wait", "list-ports", "br7")[0]
        self.run_tool(self.programs[0], "--no-wait", "--if-exists", "del-br", "br7")
        return answer, ports

    def test_a_server_that_goes_away_in_the_middle_of_a_change_and_comes_back(self):
        self.assertEqual(self.change_through(self.programs[0], True), (("", "", 0), "p7\n"))
        # Made, but nobody heard: the second attempt finds the bridge there, all of it.
        self.assertEqual(self.change_through(self.programs[0], False), ((
            "", "ovs-vsctl: cannot create a bridge named br7 because a bridge named br7 already "
            "exists\n", 1), "p7\n"))

    def test_a_server_that_dies_in_the_middle_of_a_change(self):
        # The installed one waits for it for ever.
        for loses_change in (True, False):
            with self.subTest(loses_change=loses_change):
                proxy = Proxy(self.real, loses_change)

                def serve(client, proxy=proxy):
                    os.unlink(self.bad)
                    proxy(client)
                server = Server(self.bad, serve)
                answer = self.run_tool(self.programs[0], "--db=unix:" + self.bad, "--no-wait", "-t",
                                       "10", "add-br", "br7", "--", "add-port", "br7", "p7")
                server.stop()
                # All of it or nothing.
                ports = self.run_tool(self.programs[0], "--no-wait", "list-ports", "br7")[0]
                self.run_tool(self.programs[0], "--no-wait", "--if-exists", "del-br", "br7")
                self.assertEqual(answer, (
                    "", "ovs-vsctl: unix:%s: database connection failed (No such file or "
                    "directory)\n" % self.bad, 1))
                self.assertEqual(ports, "" if loses_change else "p7\n")

    # ---- command lines

    def test_a_hundred_thousand_words(self):
        many = ["w"] * 100000
        for words in (["comment", *many], ["list-br", *many], many, ["--"] * 100000,
                      ["get", "port", "br0", *(["name"] * 100000)],
                      ["set", "port", "br0", *(["tag=1"] * 100000)],
                      ["remove", "port", "br0", "trunks", *(["1"] * 100000)],
                      ["--", *(["--if-exists"] * 100000), "show"],
                      [*(["--dry-run"] * 100000), "list-br"]):
            with self.subTest(words=words[:3]):
                self.both("--no-wait", *words)

    def test_many_commands(self):
        words = ["--no-wait", "--dry-run"]
        for number in range(200):
            words += ["--", "add-port", "br0", "n%d" % number, "tag=%d" % (number % 4096)]
        self.both(*words, "--", "list-ports", "br0")

    def test_a_very_long_word(self):
        long = "x" * 120000
        for words in (["br-exists", long], ["set", "port", "br0", "external_ids:a=" + long],
                      ["get", "port", long], ["find", "port", "name=" + long], [long],
                      ["--columns=" + long, "list", "port"], ["set", "port", "br0", "tag=" + long],
                      ["set", "port", "br0", "trunks=" + "1," * 50000],
                      ["set", "port", "br0", "trunks=" + "[" * 100000],
                      ["set", "port", "br0", "external_ids={" + "a=b," * 20000 + "}"]):
            with self.subTest(words=[word[:20] for word in words]):
                self.both("--no-wait", *words)
        self.run_tool(self.programs[0], "--no-wait", "clear", "port", "br0", "external_ids")


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.bin = os.path.abspath(OPTIONS.bin)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
