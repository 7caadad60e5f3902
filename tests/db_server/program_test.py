#!/usr/bin/python3
"""ovsdb-server as a program: its command line, its control commands and its ends, the reference's
and ours side by side.  Usage: program_test.py PROGRAM TOOL SCHEMA

Exit status 77: there is no reference on this machine.
"""

import os
import re
import subprocess
import sys
import time

from wire import REFERENCE_SERVER, REFERENCE_TOOL, Server

CONTROL = [
    ["ovsdb-server/list-dbs"],
    ["ovsdb-server/add-db", "nope.db"],
    ["ovsdb-server/add-db", "DIR/other.db"],
    ["ovsdb-server/add-db", "DIR/other.db"],
    ["ovsdb-server/list-dbs"],
    ["ovsdb-server/get-db-storage-status", "Other"],
    ["ovsdb-server/get-db-storage-status", "nope"],
    ["ovsdb-server/get-db-storage-status"],
    ["ovsdb-server/compact"],
    ["ovsdb-server/compact", "Other"],
    ["ovsdb-server/compact", "nope"],
    ["ovsdb-server/compact", "_Server"],
    ["ovsdb-server/remove-db", "Other"],
    ["ovsdb-server/remove-db", "Other"],
    ["ovsdb-server/remove-db", "_Server"],
    ["ovsdb-server/add-remote", "punix:DIR/second.sock"],
    ["ovsdb-server/add-remote", "punix:DIR/second.sock"],
    ["ovsdb-server/add-remote", "db:Open_vSwitch,Nope,x"],
    ["ovsdb-server/add-remote", "db:Open_vSwitch,Open_vSwitch,nope"],
    ["ovsdb-server/add-remote", "db:x"],
    ["ovsdb-server/add-remote", "db:A,B,C"],
    ["ovsdb-server/list-remotes"],
    ["ovsdb-server/remove-remote", "punix:DIR/second.sock"],
    ["ovsdb-server/remove-remote", "punix:DIR/second.sock"],
    ["ovsdb-server/list-remotes"],
    ["ovsdb-server/reconnect"],
    ["ovsdb-server/sync-status"],
    ["ovsdb-server/perf-counters-show"],
    ["ovsdb-server/perf-counters-clear"],
    ["version"],
    ["nope"],
    ["exit"],
]


def run(arguments, directory):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False,
                          cwd=directory, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, OVS_RUNDIR=directory, OVS_DBDIR=directory,
                                   OVS_LOGDIR=directory))
    return done.returncode, normal(done.stdout, directory), normal(done.stderr, directory)


def normal(text, directory):
    text = re.sub(r"\d{4}-\d\d-\d\dT[^|]*\|\d+\|", "TIME|", text.replace(directory, "DIR"))
    # What goes on in the log is each program's own business.
    return [line for line in text.splitlines() if not line.startswith("TIME|")]


def other_database(tool, schema, directory):
    """A second database of another name."""
    with open(schema, encoding="utf-8") as file:
        text = file.read()
    name = os.path.join(directory, "other.ovsschema")
    with open(name, "w", encoding="utf-8") as file:
        file.write(re.sub(r'("name":\s*)"Open_vSwitch"', r'\1"Other"', text, count=1))
    subprocess.run([tool, "create", os.path.join(directory, "other.db"), name], check=True)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def control(program, tool, schema):
    with Server(program, tool, schema) as server:
        other_database(tool, schema, server.directory)
        for arguments in CONTROL:
            arguments = [a.replace("DIR", server.directory) for a in arguments]
            yield arguments[0], run(["ovs-appctl", "-t", server.control_path, *arguments],
                                    server.directory)
        yield "ended", server.process.wait(20)
        yield "left behind", sorted(name for name in os.listdir(server.directory)
                                    if name.endswith((".sock", ".ctl", ".pid")))


def endings(program, tool, schema):
    with Server(program, tool, schema) as server:
        directory = server.directory
        database = server.database
        yield "second server", run([program, database, "--remote=punix:x.sock"], directory)[0]
        server.process.terminate()
        yield "SIGTERM", server.process.wait(20)
        yield "socket", os.path.exists(server.socket_path)
        yield "missing file", run([program, "nope.db"], directory)
        yield "unknown option", run([program, "--nope"], directory)[0]
        yield "version", run([program, "--version"], directory)
        remote = "--remote=punix:" + server.socket_path
        list_dbs = "ovsdb-client list-dbs unix:" + server.socket_path
        yield "run", run([program, database, remote, "--run=" + list_dbs], directory)
        yield "run fails", run([program, database, remote, "--run=exit 7"], directory)
        yield "run dies", run([program, database, remote, "--run=kill -9 $$"], directory)
        yield "empty pidfile", run([program, database, remote, "--pidfile=", "--run=true"], directory)
        yield "a directory for a pidfile", run(
            [program, database, remote, "--pidfile=" + directory, "--run=true"], directory)
        with open(os.path.join(directory, "empty.db"), "wb"):
            pass
        yield "empty file", run([program, "empty.db"], directory)
        second = "%s conf.db --remote=punix:y.sock --unixctl=none --run=true 2>&1 | sed 's/pid [0-9]*/pid N/; s/.*lockfile/lockfile/'"
        yield "a locked file", run([program, database, remote, "--run=" + second % program], directory)
        yield "relative socket", run(
            [program, "conf.db", "--remote=punix:r.sock",
             "--run=ovsdb-client list-dbs unix:" + os.path.join(directory, "r.sock")], directory)
        yield from detached(program, server)


def detached(program, server):
    directory = server.directory
    yield "detach", run([program, "conf.db", "--remote=punix:" + server.socket_path, "--detach",
                         "--pidfile", "--log-file", "--unixctl=" + server.control_path], directory)
    with open(os.path.join(directory, "ovsdb-server.pid"), encoding="utf-8") as file:
        process = int(file.read())
    yield "serves at once", run(["ovsdb-client", "list-dbs", "unix:" + server.socket_path], directory)
    yield "another one", run([program, "conf.db", "--pidfile", "--detach"], directory)[0]
    yield "log", os.path.exists(os.path.join(directory, "ovsdb-server.log"))
    os.kill(process, 15)
    yield "gone", wait_for(lambda: not os.path.exists(os.path.join(directory, "ovsdb-server.pid")))


def main():
    program, tool, schema = sys.argv[1:4]
    if not os.path.exists(REFERENCE_SERVER):
        print("no reference server on this machine")
        return 77
    failures = 0
    for part in (control, endings):
        expected = list(part(REFERENCE_SERVER, REFERENCE_TOOL, schema))
        got = list(part(program, tool, schema))
        for (name, reference_result), (_, our_result) in zip(expected, got):
            same = reference_result == our_result
            failures += not same
            print("%-9s %s" % ("same" if same else "DIFFERENT", name))
            if not same:
                print("  reference: %s\n  ours:      %s" % (reference_result, our_result))
        failures += len(expected) != len(got)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
