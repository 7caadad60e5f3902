#!/usr/bin/python3
"""What a client may send, out of malice or by mistake, to our ovsdb-server: it gets an error or a
closed connection; the server lives, keeps its memory, and goes on answering others meanwhile.
Usage: hostile_test.py PROGRAM TOOL SCHEMA [MILLISECONDS]

MILLISECONDS: how long others may have to wait for an answer, for release builds on idle machines; and
run the heaviest cases, too, which take builds with sanitizers minutes.
"""

import json
import multiprocessing
import os
import sys
import time

from wire import Closed, Server, Wire

DATABASE = "Open_vSwitch"
MIB = 1 << 20
ROWS = 1000
PATIENCE = 200  # seconds
MEMORY_MIB = 200  # more than the worst request and its answer


def message(method, params, request_id=1):
    return json.dumps({"method": method, "params": params, "id": request_id}).encode()


def transaction(*operations, request_id=1):
    return message("transact", [DATABASE, *operations], request_id)


def stand_by(path, worst, ended):
    wire = Wire(path)
    wire.call("monitor", [DATABASE, "m", {"Queue": {"columns": ["dscp"]}}])
    while not ended.wait(0.002):
        begin = time.monotonic()
        request = wire.send("echo", ["here"])
        while wire.receive(PATIENCE).get("id") != request:
            pass  # an update
        worst.value = max(worst.value, time.monotonic() - begin)


class Bystander:
    """Somebody else, who wants answers all the time: a process, so that it waits for nobody here."""

    def __init__(self, server):
        self.worst = multiprocessing.Value("d", 0.0)
        self.ended = multiprocessing.Event()
        self.process = multiprocessing.Process(
            target=stand_by, args=(server.socket_path, self.worst, self.ended))
        self.process.start()

    def take_worst(self):
        with self.worst.get_lock():
            worst, self.worst.value = self.worst.value, 0.0
        return worst * 1000

    def stop(self):
        self.ended.set()
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0, "a bystander got no answer"


def answer(wire, octets, expected):
    """Sends it, and an echo; what comes back must contain what is expected, which may be "closed"."""
    end = b'{"id":"end","result":[],"error":null}'
    reply = b""
    try:
        wire.send_raw(octets + message("echo", [], "end"))
        wire.socket.settimeout(PATIENCE)
        while not reply.endswith(end):
            received = wire.socket.recv(MIB)
            if not received:
                raise Closed()
            reply += received
    except (Closed, ConnectionResetError, BrokenPipeError):
        reply += b"closed"
    assert expected.encode() in reply, "expected %s, got %s" % (expected, reply[:300])


def unfinished_string(wire):
    answer(wire, b'{"method":"echo","params":["' + b"x" * (17 * MIB), "closed")


def unfinished_array(wire):
    answer(wire, b'{"method":"echo","params":[' + b"1," * (9 * MIB), "closed")


def deep(wire):
    answer(wire, b"[" * 2000, "closed")


def deep_params(wire):
    depth = 998
    answer(wire, b'{"id":1,"method":"echo","params":' + b"[" * depth + b"]" * depth + b"}", '{"id":1,"result":[[')


def duplicate_members(wire):
    answer(wire, b'{"id":1,"id":2,"method":"x","method":"echo","params":[1],"params":[2]}',
           '{"id":2,"result":[2]')
    row = b",".join(b'"dscp":%d' % (i % 64) for i in range(100000))
    answer(wire, b'{"id":3,"method":"transact","params":["Open_vSwitch",{"op":"insert","table":"Queue","row":{'
           + row + b"}},{\"op\":\"abort\"}]}", "aborted")


def wrong_types(wire):
    for params in (3, None, {}, "x"):
        other = wire.again()
        answer(other, message("transact", params), "closed")
        other.close()
    answer(wire, message("transact", [DATABASE, 3]), "Object expected")


def long_array(wire):
    answer(wire, message("echo", [0] * 500000), "[0,0,")


def large_transaction(wire):
    answer(wire, transaction(*[{"op": "insert", "table": "Queue", "row": {"dscp": 1}}] * 10000, {"op": "abort"}),
           "aborted")


def many_selects(wire):
    answer(wire, transaction(*[{"op": "select", "table": "Queue", "where": []}] * 100000), "resources exhausted")


def many_clauses(wire):
    answer(wire, transaction({"op": "select", "table": "Queue", "where": [["dscp", "!=", 99 % 64]] * 100000}),
           "resources exhausted")


def many_mutations(wire):
    mutations = [["external_ids", "insert", ["map", [[str(i), ""]]]] for i in range(50000)]
    answer(wire, transaction({"op": "insert", "table": "QoS", "row": {"type": "t"}},
                             {"op": "mutate", "table": "QoS", "where": [], "mutations": mutations}),
           "resources exhausted")


def long_map(wire):
    pairs = [[str(i), ""] for i in range(50000)]
    operation = {"op": "mutate", "table": "QoS", "where": [],
                 "mutations": [["external_ids", "insert", ["map", pairs]],
                               ["external_ids", "delete", ["set", [key for key, _ in pairs]]]]}
    answer(wire, transaction({"op": "insert", "table": "QoS", "row": {"type": "t"}}, operation, {"op": "abort"}),
           "aborted")


def many_waits(wire):
    """All of them are tried again after each of another's changes."""
    wait = {"op": "wait", "table": "Queue", "where": [], "columns": ["external_ids"], "until": "==", "rows": []}
    wire.send_raw(b"".join(transaction(wait, request_id=i) for i in range(1000)))
    other = wire.again()
    for i in range(20):
        other.call("transact", [DATABASE, {"op": "insert", "table": "QoS", "row": {"type": str(i)}}])
    other.close()


def many_monitors(wire):
    for i in range(1001):
        reply = wire.call("monitor", [DATABASE, i, {"Bridge": {}}])
    assert "too many monitors" in json.dumps(reply), reply


def many_conditions(wire):
    where = [["dscp", "==", 1]] * 100000
    answer(wire, message("monitor_cond", [DATABASE, "m", {"Queue": [{"where": where}]}]), "too many conditions")


def never_reads(wire):
    """Its requests pile up in its own socket."""
    request = message("transact", [DATABASE, {"op": "select", "table": "Queue", "where": []}])
    wire.socket.settimeout(1)
    try:
        for _ in range(20000):
            wire.socket.sendall(request)
    except TimeoutError:
        return
    raise AssertionError("the server took it all")


def silent_requests(wire):
    wire.send_raw(b'{"method":"nope","params":[],"id":null}' * 50000)
    answer(wire, message("echo", ["still"]), "still")


CASES = [unfinished_string, unfinished_array, deep, deep_params, duplicate_members, wrong_types, long_array,
         large_transaction, many_selects, many_clauses, many_mutations, long_map, many_waits, many_monitors, many_conditions,
         never_reads, silent_requests]


HEAVY = [many_selects, many_mutations, long_map, many_waits]


def resident_mib(server):
    with open("/proc/%d/statm" % server.process.pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096 // MIB


def cpu_milliseconds(server):
    with open("/proc/%d/stat" % server.process.pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def main():
    program, tool, schema = sys.argv[1:4]
    patience = float(sys.argv[4]) if len(sys.argv) > 4 else None
    failures = 0
    with Server(program, tool, schema) as server:
        wire = server.connect()
        wire.call("transact", [DATABASE] + [{"op": "insert", "table": "Queue", "row": {"dscp": i % 64}}
                                            for i in range(ROWS)])
        before = resident_mib(server)
        bystander = Bystander(server)
        used = cpu_milliseconds(server)
        for case in CASES:
            if case in HEAVY and patience is None:
                continue
            hostile = server.connect()
            hostile.again = server.connect
            bystander.take_worst()
            problem = ""
            try:
                case(hostile)
            except AssertionError as error:
                problem = str(error)
            hostile.close()
            worst = bystander.take_worst()
            if patience is not None and worst > patience:
                problem = problem or "others had to wait"
            failures += bool(problem)
            used, spent = cpu_milliseconds(server) - used, used
            print("%-20s others waited %6.1f ms, the server was busy for %6.1f ms  %s"
                  % (case.__name__, worst, used, problem), flush=True)
            used += spent
        bystander.stop()
        grown = resident_mib(server) - before
        print("memory grown by %d MiB" % grown)
        if not server.alive() or grown > MEMORY_MIB and "asan" not in program:
            failures += 1
        assert wire.call("echo", ["alive"])["result"] == ["alive"]
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
