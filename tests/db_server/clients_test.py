#!/usr/bin/python3
"""People's clients with the reference ovsdb-server and ours: ovs-vsctl, ovsdb-client, the Python IDL
and ovsdbapp must show the same.  Usage: clients_test.py PROGRAM TOOL SCHEMA

Exit status 77: there is no reference on this machine.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading

from wire import REFERENCE_SERVER, REFERENCE_TOOL, Server

VSCTL = [
    ["add-br", "br0"],
    ["add-br", "br1"],
    ["add-bond", "br0", "bond0", "e0", "e1", "lacp=active"],
    ["--may-exist", "add-port", "br1", "p1", "--", "set", "interface", "p1", "type=internal"],
    ["add-br", "br0"],
    ["set", "port", "bond0", "other_config:lacp-time=fast", "bond_mode=balance-tcp"],
    ["set", "port", "bond0", "bond_mode=nope"],
    ["list-br"],
    ["list-ports", "br0"],
    ["get", "port", "bond0", "lacp", "other_config"],
    ["--columns=name,lacp,tag", "list", "port"],
    ["--id=@q", "create", "queue", "dscp=9", "--", "create", "qos", "type=x", "queues:0=@q"],
    ["set", "port", "p1", "tag=99999"],
    ["clear", "port", "bond0", "lacp"],
    ["del-port", "bond0"],
    ["remove", "bridge", "br1", "ports", "nope"],
    ["set-manager", "ptcp:0:127.0.0.1"],
    ["get-manager"],
    ["del-manager"],
    ["del-br", "br1"],
    ["--if-exists", "del-br", "br1"],
    ["emer-reset"],
    ["list-br"],
]

CLIENT = [
    ["list-dbs"],
    ["get-schema"],
    ["get-schema", "_Server"],
    ["get-schema-version"],
    ["get-schema-cksum"],
    ["list-tables"],
    ["list-columns", "Open_vSwitch", "Port"],
    ["dump"],
    ["dump", "Open_vSwitch", "Queue", "dscp"],
    ["--format=json", "dump", "Open_vSwitch", "Port", "name", "interfaces"],
    ["dump", "Open_vSwitch", "Bridge", "name", "fail_mode"],
    ["transact", '["Open_vSwitch",{"op":"insert","table":"Queue","row":{"dscp":64}}]'],
    ["transact", '["Open_vSwitch",{"op":"select","table":"Queue","where":[["dscp",">",3]],"columns":["dscp"]}]'],
    ["query", '["Open_vSwitch",{"op":"delete","table":"Queue","where":[]}]'],
    ["transact", '["Nope"]'],
    ["needs-conversion", "SCHEMA"],
    ["wait", "Open_vSwitch", "connected"],
    ["wait", "Nope", "removed"],
    ["backup"],
]

IDL = r"""
import sys, ovs.poller
from ovs.db import idl

def run(remote, schema):
    helper = idl.SchemaHelper(schema)
    helper.register_table("Bridge")
    helper.register_table("Port")
    helper.register_columns("Queue", ["dscp", "external_ids"])
    tracked = []
    class Tracker(idl.Idl):
        def notify(self, event, row, updates=None):
            tracked.append((event, row._table.name, sorted(updates._data) if updates else None))
    db = Tracker(remote, helper)
    db.cond_change("Queue", [["dscp", "==", 5]])
    def until(condition):
        while not condition():
            seqno = db.change_seqno
            db.run()
            if condition() or db.change_seqno != seqno:
                continue
            poller = ovs.poller.Poller()
            db.wait(poller)
            poller.timer_wait(5000)
            poller.block()
    until(db.has_ever_connected)
    print("bridges", sorted(row.name for row in db.tables["Bridge"].rows.values()))
    txn = idl.Transaction(db)
    for dscp in (4, 5, 6):
        queue = txn.insert(db.tables["Queue"])
        queue.dscp = dscp
        queue.external_ids = {"n": str(dscp)}
    print(txn.commit_block())
    queues = lambda: sorted(row.dscp[0] for row in db.tables["Queue"].rows.values())
    until(lambda: queues() == [5])
    print("queues", queues())
    txn = idl.Transaction(db)
    five = list(db.tables["Queue"].rows.values())[0]
    five.verify("external_ids")
    five.setkey("external_ids", "more", "x")
    print(txn.commit_block(), five.external_ids)
    db.cond_change("Queue", [["dscp", "==", 5], ["dscp", "==", 6]])
    until(lambda: queues() == [5, 6])
    print("queues", queues())
    txn = idl.Transaction(db)
    five.dscp = 64
    print(txn.commit_block(), txn.get_error() is not None)
    txn = idl.Transaction(db)
    five.delete()
    print(txn.commit_block())
    until(lambda: queues() == [6])
    print("tracked", [t for t in tracked if t[1] == "Queue"])
    db.close()

run(sys.argv[1], sys.argv[2])
"""

# ovsdb-client in the background while others change things: its output so far is compared.
WATCHERS = [
    ["monitor", "Open_vSwitch", "Queue", "dscp"],
    ["monitor", "Open_vSwitch", "Queue", "dscp,!delete"],
    ["monitor", "Open_vSwitch", "ALL"],
    ["monitor-cond", "Open_vSwitch", '[["dscp","==",40]]', "Queue", "dscp"],
    ["monitor-cond", "Open_vSwitch", '[["dscp","<",41],["dscp",">",50]]', "Queue", "dscp,external_ids"],
    ["monitor-cond-since", "Open_vSwitch", "00000000-0000-0000-0000-000000000000", "[true]", "Queue", "dscp"],
    ["lock", "a_lock"],
]
LAST = 52
CHANGES = [
    '{"op":"insert","table":"Queue","row":{"dscp":40}}',
    '{"op":"update","table":"Queue","where":[["dscp","==",40]],"row":{"external_ids":["map",[["k","v"]]]}}',
    '{"op":"update","table":"Queue","where":[["dscp","==",40]],"row":{"dscp":41}}',
    '{"op":"insert","table":"Queue","row":{"dscp":51}}',
    '{"op":"delete","table":"Queue","where":[["dscp","==",41]]}',
]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def normal(text):
    """Without what differs from run to run."""
    text = re.sub(r"unix:\S*db.sock", "unix:db.sock", UUID.sub("UUID", text))
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:]*Z", "TIME", text)
    text = re.sub(r'"_date":\d+', '"_date":0', text)
    text = re.sub(r"OVSDB JSON \d+ [0-9a-f]{40}", "OVSDB JSON", text)
    return sorted(canonical(line) for line in text.splitlines())  # rows come in any order


def canonical(line):
    """JSON with its members sorted."""
    try:
        return json.dumps(json.loads(line), sort_keys=True)
    except ValueError:
        return line


def run(server, arguments, timeout=30):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False,
                          env=dict(os.environ, OVS_RUNDIR=server.directory))
    return done.returncode, normal(done.stdout), normal(done.stderr)


class Watcher:
    """An ovsdb-client that goes on printing."""

    def __init__(self, server, arguments):
        command, *more = arguments
        remote = "unix:" + server.socket_path
        self.process = subprocess.Popen(
            ["ovsdb-client", "--format=csv", "--no-headings", command, remote, *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self.grew = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.grew:
                self.lines.append(line.rstrip())
                self.grew.notify_all()

    def await_line(self, is_wanted, seconds=10):
        with self.grew:
            self.grew.wait_for(lambda: any(is_wanted(line) for line in self.lines), seconds)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        return normal("\n".join(line for line in self.lines if "fatal_signal" not in line))


def watch(server):
    """What each watcher shows of the changes."""
    wire = server.connect()
    operations = lambda text: wire.call("transact", ["Open_vSwitch", json.loads(text)])
    results = []
    for arguments in WATCHERS:
        operations('{"op":"insert","table":"Queue","row":{"dscp":39}}')
        watcher = Watcher(server, arguments)
        # There is always something to see at first, but for one condition; then it takes a moment.
        watcher.await_line(lambda line: line, 0.5 if "monitor-cond" in arguments else 10)
        for change in CHANGES:
            operations(change)
            wire.call("echo", [])
        operations('{"op":"insert","table":"Queue","row":{"dscp":%d}}' % LAST)
        operations('{"op":"delete","table":"Queue","where":[["dscp",">",10]]}')
        watcher.await_line(lambda line: line.endswith("delete,%d" % LAST), 1)
        results.append((arguments, watcher.stop()))
    wire.close()
    return results


class Switch:
    """Plays ovs-vswitchd for clients that wait for it: what next_cfg asks for is done at once."""

    def __init__(self, server):
        self.wire = server.connect()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        select = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg", "cur_cfg"]}
        while not self.ended.wait(0.01):
            rows = self.wire.call("transact", ["Open_vSwitch", select])["result"][0]["rows"]
            if not rows or rows[0]["next_cfg"] == rows[0]["cur_cfg"]:
                continue
            self.wire.call("transact", [
                "Open_vSwitch",
                {"op": "update", "table": "Interface", "where": [], "row": {"ofport": 1}},
                {"op": "update", "table": "Open_vSwitch", "where": [], "row": {"cur_cfg": rows[0]["next_cfg"]}}])

    def stop(self):
        self.ended.set()
        self.thread.join()
        self.wire.close()


def ovsdbapp(server):
    if importlib.util.find_spec("ovsdbapp") is None:
        return "not on this machine"
    switch = Switch(server)
    try:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ovsdbapp_session.py")
        return run(server, ["/usr/bin/python3", script, "unix:" + server.socket_path], 120)
    finally:
        switch.stop()


def session(server, schema):
    remote = "unix:" + server.socket_path
    results = []
    for arguments in VSCTL:
        command = ["ovs-vsctl", "--db=" + remote, "--no-wait", "--timeout=20", *arguments]
        results.append((arguments, run(server, command)))
    for arguments in CLIENT:
        words = [schema if word == "SCHEMA" else word for word in arguments]
        at = 2 if words[0].startswith("--") else 1
        results.append((arguments, run(server, ["ovsdb-client", *words[:at], remote, *words[at:]])))
    results.extend(watch(server))
    results.append((["idl"], run(server, ["/usr/bin/python3", "-c", IDL, remote, schema])))
    results.append((["ovsdbapp"], ovsdbapp(server)))
    return results


def main():
    program, tool, schema = sys.argv[1:4]
    if not os.path.exists(REFERENCE_SERVER):
        print("no reference server on this machine")
        return 77
    with Server(REFERENCE_SERVER, REFERENCE_TOOL, schema) as reference:
        expected = session(reference, schema)
    with Server(program, tool, schema) as ours:
        got = session(ours, schema)
        alive = ours.alive()
    failures = 0
    for (command, reference_result), (_, our_result) in zip(expected, got):
        same = reference_result == our_result
        failures += not same
        print("%-9s %s" % ("same" if same else "DIFFERENT", " ".join(command)[:100]))
        if not same:
            print("  reference: %s\n  ours:      %s" % (str(reference_result)[:3000], str(our_result)[:3000]))
    if not alive:
        print("our server died")
    return 0 if alive and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
