#!/usr/bin/python3
"""People's clients with the reference ovsdb-server and ours: ovs-vsctl, ovsdb-client and the Python
IDL must show the same.  Usage: clients_test.py PROGRAM TOOL SCHEMA

Exit status 77: there is no reference on this machine.
"""

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
    ["get-schema-version"],
    ["get-schema-cksum"],
    ["list-tables"],
    ["list-columns", "Open_vSwitch", "Port"],
    ["dump", "Open_vSwitch", "Queue", "dscp"],
    ["dump", "Open_vSwitch", "Bridge", "name", "fail_mode"],
    ["transact", '["Open_vSwitch",{"op":"insert","table":"Queue","row":{"dscp":64}}]'],
    ["transact", '["Open_vSwitch",{"op":"select","table":"Queue","where":[["dscp",">",3]],"columns":["dscp"]}]'],
    ["query", '["Open_vSwitch",{"op":"delete","table":"Queue","where":[]}]'],
    ["transact", '["Nope"]'],
    ["wait", "Open_vSwitch", "connected"],
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


def monitor_lines(server):
    """What `ovsdb-client monitor` shows while another client changes things."""
    remote = "unix:" + server.socket_path
    monitor = subprocess.Popen(["ovsdb-client", "--format=csv", "monitor", remote, "Open_vSwitch", "Queue", "dscp"],
                               stdout=subprocess.PIPE, text=True)
    lines = []
    first = threading.Event()

    def read():
        for line in monitor.stdout:
            lines.append(UUID.sub("UUID", line.rstrip()))
            first.set()

    reader = threading.Thread(target=read)
    reader.start()
    first.wait(10)
    for operation in ('{"op":"insert","table":"Queue","row":{"dscp":40}}',
                      '{"op":"update","table":"Queue","where":[["dscp","==",40]],"row":{"dscp":41}}',
                      '{"op":"delete","table":"Queue","where":[["dscp","==",41]]}'):
        run(server, ["ovsdb-client", "transact", remote, '["Open_vSwitch",%s]' % operation])
    server.connect().call("echo", [])
    for _ in range(100):
        if any(",delete," in line for line in lines):
            break
        first.clear()
        first.wait(0.1)
    monitor.terminate()
    reader.join()
    monitor.wait()
    return lines


def session(server, schema):
    remote = "unix:" + server.socket_path
    results = []
    for arguments in VSCTL:
        command = ["ovs-vsctl", "--db=" + remote, "--no-wait", "--timeout=20", *arguments]
        results.append((arguments, run(server, command)))
    for command, *arguments in CLIENT:
        where = [] if command == "wait" else [remote]
        more = [remote, *arguments] if command == "wait" else arguments
        results.append(([command, *arguments], run(server, ["ovsdb-client", command, *where, *more])))
    results.append((["monitor"], monitor_lines(server)))
    results.append((["idl"], run(server, ["/usr/bin/python3", "-c", IDL, remote, schema])))
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
