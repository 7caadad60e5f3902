#!/usr/bin/python3
"""The same conversations with the reference ovsdb-server and ours: every reply and notification
must be the same.  Usage: conversation_test.py PROGRAM TOOL SCHEMA [CONVERSATION]

Rows get uuids chosen by the client, so that only `_version` and what the server invents differ;
those are compared by form.  Exit status 77: there is no reference on this machine.
"""

import json
import os
import re
import sys

from wire import REFERENCE_SERVER, REFERENCE_TOOL, Closed, Server

DATABASE = "Open_vSwitch"
ZERO = "00000000-0000-0000-0000-000000000000"


def uuid(number):
    return "%08x-0000-4000-8000-000000000000" % number


def ref(number):
    return ["uuid", uuid(number)]


def row(number):
    return [["_uuid", "==", ref(number)]]


def insert(number, table="Queue", **columns):
    return {"op": "insert", "table": table, "uuid": uuid(number), "row": columns}


def update(number, table="Queue", **columns):
    return {"op": "update", "table": table, "where": row(number), "row": columns}


def delete(number, table="Queue"):
    return {"op": "delete", "table": table, "where": row(number)}


class Conversation:
    """What was said, by both sides, in a form that two servers can be compared in."""

    def __init__(self, server):
        self.server = server
        self.wires = {}
        self.said = []

    def wire(self, name):
        if name not in self.wires:
            self.wires[name] = self.server.connect()
        return self.wires[name]

    def note(self, *what):
        self.said.append(what)

    def call(self, method, *params, on="a", request_id=None):
        wire = self.wire(on)
        self.note(on, "->", method, params)
        try:
            reply = wire.call(method, list(params), request_id)
        except Closed:
            self.note(on, "closed")
            del self.wires[on]
            return None
        self.collect(on)
        self.note(on, "<-", normal(reply))
        return reply

    def transact(self, *operations, on="a"):
        return self.call("transact", DATABASE, *operations, on=on)

    def collect(self, name):
        """Notes notifications; their order among monitors is nobody's promise."""
        wire = self.wires[name]
        taken, wire.notifications = wire.notifications, []
        for message in sorted((normal(m) for m in taken), key=json.dumps):
            self.note(name, "<-", message)

    def listen(self, name):
        try:
            wire = self.wire(name)
            wire.notifications = wire.take_notifications()
        except Closed:
            self.note(name, "closed")
            del self.wires[name]
            return
        self.collect(name)

    def raw(self, octets):
        """What a connection of its own answers to these octets."""
        wire = self.server.connect()
        answers = []
        try:
            wire.send_raw(octets)
            while True:
                answers.append(normal(wire.receive(0.3)))
        except Closed:
            answers.append("closed")
        except TimeoutError:
            pass
        wire.close()
        self.note("raw", octets[:200], answers)


UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def normal(value):
    """The value without what differs from server to server."""
    if isinstance(value, dict):
        if value and all(is_invented(k) for k in value):
            return ["rows", sorted((normal(v) for v in value.values()), key=json.dumps)]
        return {k: "VERSION" if k == "_version" else normal(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        if len(value) == 2 and value[0] == "set" and isinstance(value[1], list):
            return ["set", sorted((normal(v) for v in value[1]), key=json.dumps)]
        return [normal(v) for v in value]
    if isinstance(value, str):
        if value.startswith(("[", "{")):  # JSON in JSON: "syntax", and schemas in _Server
            try:
                return ["JSON", normal(json.loads(value))]
            except ValueError:
                return value
        if is_invented(value):
            return "UUID"
        return re.sub(r"timed out after \d+ ms", "timed out after SOME ms", value)
    return value


def is_invented(text):
    return bool(UUID.match(text)) and text != ZERO and "-0000-4000-8000-" not in text


# --- conversations --------------------------------------------------------------------------------

MONITORS = {
    "plain": {"columns": ["dscp"]},
    "two requests": [{"columns": ["dscp"], "select": {"initial": False, "modify": False}},
                     {"columns": ["external_ids"]}],
    "all columns": {},
    "no columns": {"columns": []},
    "uuid": {"columns": ["_uuid", "dscp"]},
    "version": {"columns": ["_version"]},
    "none": [],
    "no insert, no delete": {"columns": ["dscp"], "select": {"delete": False, "insert": False}},
    "nothing": {"columns": ["dscp"], "select": {"initial": False, "insert": False,
                                                "delete": False, "modify": False}},
}
# Only on columns that are monitored, too: others make the reference crash.
CONDITIONS = {
    "one of two": [["dscp", "==", 5], ["dscp", "==", 6]],
    "never": [False],
    "always": [True],
    "by uuid": [["_uuid", "==", ref(1)]],
    "another column": [["external_ids", "includes", ["map", [["a", "9"]]]]],
    "never or 7": [False, ["dscp", ">", 6]],
}


def start_monitors(c):
    for name, request in MONITORS.items():
        c.call("monitor", DATABASE, ["v1", name], {"Queue": request})
        c.call("monitor_cond", DATABASE, ["v2", name], {"Queue": request}, on="b")
        c.call("monitor_cond_since", DATABASE, ["v3", name], {"Queue": request}, ZERO, on="c")
    for name, where in CONDITIONS.items():
        c.call("monitor_cond", DATABASE, ["cond", name],
               {"Queue": [{"columns": ["_uuid", "dscp", "external_ids"], "where": where}]}, on="b")


def monitors(c):
    c.transact(insert(1, dscp=5), insert(2, external_ids=["map", [["a", "1"], ["b", "2"]]]))
    start_monitors(c)
    changes = [
        [update(1, dscp=6)],
        [update(2, external_ids=["map", [["a", "9"], ["c", "3"]]])],
        [update(2, external_ids=["map", [["a", "9"]]], dscp=6)],
        [insert(3, dscp=7), insert(4)],
        [update(1, dscp=8)],
        [update(1, dscp=["set", []])],
        [update(1, dscp=["set", []])],
        [insert(5), delete(5)],
        [update(1, dscp=5), update(1, dscp=["set", []])],
        [delete(2), delete(3)],
        [insert(6, "Bridge", name="never there")],
        [{"op": "delete", "table": "Queue", "where": []}],
    ]
    for operations in changes:
        c.transact(*operations)
        for name in ("a", "b", "c"):
            c.listen(name)
    c.call("monitor_cancel", ["v1", "plain"])
    c.call("monitor_cancel", ["v1", "plain"])
    c.transact(insert(7, dscp=1))
    c.listen("a")


def values(c):
    """All kinds of columns, as initial rows, as changes and as differences."""
    c.transact(insert(1, "Queue", dscp=1), insert(2, "Queue", dscp=2))
    c.call("monitor", DATABASE, 1, {"QoS": {}, "Bridge": {}, "Port": {}, "Interface": {}})
    c.call("monitor_cond", DATABASE, 2, {"QoS": {}, "Bridge": {}, "Port": {}, "Interface": {}})
    c.transact(insert(10, "Open_vSwitch", bridges=["set", [ref(11)]]),
               insert(11, "Bridge", name="b\"\\\n\t\u00e9\u0001", ports=["set", [ref(12)]],
                      flood_vlans=["set", [7, 5, 6]], stp_enable=True, fail_mode="secure"),
               insert(12, "Port", name="p", interfaces=ref(13), qos=ref(14), tag=4095,
                      trunks=["set", [1, 2]]),
               insert(13, "Interface", name="p", statistics=["map", [["x", 9007199254740993]]]),
               insert(14, "QoS", type="t", queues=["map", [[0, ref(1)], [1, ref(2)]]]))
    c.transact(update(11, "Bridge", flood_vlans=["set", [5, 8]], fail_mode=["set", []]),
               update(12, "Port", trunks=2, tag=0),
               update(14, "QoS", queues=["map", [[0, ref(2)], [3, ref(1)]]]),
               update(13, "Interface", statistics=["map", [["x", -1], ["y", 0]]]))
    c.transact(update(11, "Bridge", flood_vlans=["set", []], stp_enable=False),
               update(12, "Port", qos=["set", []], trunks=["set", [9, 8, 7]]))
    c.transact(update(10, "Open_vSwitch", bridges=["set", []]))


def monitor_errors(c):
    requests = [
        {"Nope": {}}, {"Queue": {"columns": ["nope"]}}, {"Queue": {"columns": ["dscp", "dscp"]}},
        {"Queue": [{"columns": ["dscp"]}, {"columns": ["dscp"]}]},
        {"Queue": [{"columns": ["dscp"]}, {}]}, {"Queue": [{}, {"columns": ["_version"]}]},
        [], 1, None, "x", {"Queue": 1}, {"Queue": [1]}, {"Queue": None}, {"Queue": {"foo": 1}},
        {"Queue": {"foo": 1, "columns": 1}}, {"Queue": {"columns": 1}},
        {"Queue": {"columns": [1]}}, {"Queue": {"columns": None}}, {"Queue": {"select": 1}},
        {"Queue": {"select": None}}, {"Queue": {"select": {"foo": True}}},
        {"Queue": {"select": {"initial": 1}}}, {"Queue": {"columns": ["dscp", "nope"], "foo": 1}},
        {"Queue": {"columns": ["nope"], "select": {"foo": True}}},
        {"Queue": {"where": []}}, {"Queue": {"where": 1}}, {"Queue": {"where": [["nope", "==", 1]]}},
        {"Queue": {"where": [1]}}, {"Queue": {"where": [["dscp", "=", 1]]}},
        {"Queue": {"where": [["dscp", "==", "x"]]}}, {"Queue": {"where": [["dscp", "==", 99]]}},
        {"Queue": {"where": [["dscp", "=="]]}}, {"Queue": {"where": [["external_ids", "<", 1]]}},
        {"Queue": {"where": [["_uuid", "==", ["named-uuid", "a"]]]}},
        {"Queue": {"columns": ["nope"], "where": [["nope", "==", 1]]}},
    ]
    for method, more in (("monitor", []), ("monitor_cond", []), ("monitor_cond_since", [ZERO])):
        for request in requests:
            c.call(method, DATABASE, "x", request, *more)
            c.call("monitor_cancel", "x")
        for monitor_id in ("x", ["x", {"b": 1, "a": None}], None, 1, 1.5, True, ""):
            c.call(method, DATABASE, monitor_id, {"Queue": {}}, *more)
            c.call(method, DATABASE, monitor_id, {"Queue": {}}, *more)
            c.call("monitor_cancel", monitor_id)
            c.call("monitor_cancel", monitor_id)
        c.call(method, DATABASE, "x", {"Queue": {}}, *more, "extra")
        c.call("monitor_cancel", "x")
        c.call(method)
        c.call(method, 1)
        c.call(method, "Nope")
        if method != "monitor":  # there the reference crashes
            c.call(method, DATABASE)
            c.call(method, DATABASE, "x")
    for last in (1, "a", None, uuid(1)):
        c.call("monitor_cond_since", DATABASE, "x", {"Queue": {}}, last)
    c.call("monitor_cancel")
    c.call("monitor_cancel", "a", "b")
    c.call("monitor_cancel", [1])


def condition_changes(c):
    c.transact(insert(1, dscp=5), insert(2, external_ids=["map", [["a", "1"]]]))
    c.call("monitor_cond", DATABASE, "c", {"Queue": [{"columns": ["dscp"],
                                                     "where": [["dscp", "==", 5]]}]})
    c.call("monitor_cond_since", DATABASE, "s", {"Queue": {"columns": ["dscp"]}, "QoS": {}}, ZERO)
    c.call("monitor_cond", DATABASE, "quiet",
           {"Queue": {"columns": ["dscp"], "select": {"delete": False, "insert": False}}})
    c.call("monitor", DATABASE, "v", {"Queue": {"columns": ["dscp"]}})
    five, six = [["dscp", "==", 5]], [["dscp", "==", 6]]
    changes = [
        ("c", "c", {"Queue": [{"where": six}]}), ("c", "c2", {"Queue": [{"where": five}]}),
        ("c2", "c2", {"Queue": [{"where": []}]}), ("c2", "c2", {"Queue": {"where": [False]}}),
        ("c2", "c2", {"Queue": [{"where": [True]}]}),
        ("c2", "c2", {"Queue": [{"where": five}, {"where": [False]}]}),
        ("c2", "c2", {"Queue": []}), ("c2", "c2", {}), ("c2", "c2", []), ("c2", "c2", 1),
        ("c2", "c2", {"Queue": 1}), ("c2", "c2", {"Queue": [1]}),
        ("c2", "c2", {"QoS": [{"where": []}]}), ("c2", "c2", {"Nope": [{"where": []}]}),
        ("c2", "c2", {"Queue": [{"where": [["nope", "==", 1]]}]}),
        ("c2", "c2", {"Queue": [{"where": 1}]}), ("c2", "c2", {"Queue": [{"columns": ["dscp"]}]}),
        ("c2", "c2", {"Queue": [{"columns": ["dscp"], "where": []}]}),
        ("c2", "c2", {"Queue": [{"foo": ["dscp"], "where": []}]}),
        ("c2", "s", {"Queue": [{"where": [False]}]}), ("zz", "s", {"Queue": [{"where": [False]}]}),
        ("zz",), ("c2", "c2"), (), ("c2", "c2", {}, 1),
        ("v", "v", {"Queue": [{"where": [False]}]}), ("v", "v2", {"Queue": [{"where": [False]}]}),
        ("s", "s", {"Queue": [{"where": [False]}], "QoS": [{"where": [False]}]}),
        ("s", "s2", {"Queue": [{"where": []}]}),
        ("quiet", "quiet", {"Queue": [{"where": [False]}]}),
        ("quiet", "quiet", {"Queue": [{"where": [True]}]}),
    ]
    for params in changes:
        c.call("monitor_cond_change", *params)
    c.transact(update(1, dscp=8))
    c.transact(insert(3, dscp=5))
    c.call("monitor_cancel", "c2")


def databases(c):
    c.call("list_dbs")
    c.call("list_dbs", "x", 1)
    for params in ([], [1], ["nope"], [DATABASE], ["_Server"], ["_Server", uuid(0)]):
        c.call("get_schema", *params)
    for params in ([], [1], ["nope"], [DATABASE], [DATABASE, 1],
                   [DATABASE, {"op": "comment"}], [DATABASE, {"op": "comment", "comment": "c"}]):
        c.call("transact", *params)
    select = {"op": "select", "table": "Database", "where": [["name", "==", "_Server"]]}
    wait = {"op": "wait", "table": "Database", "where": [], "rows": [], "until": "==", "timeout": 0}
    comment = {"op": "comment", "comment": "x"}
    for operations in (
            [comment, select], [{"op": "insert", "table": "Database", "row": {}}],
            [{"op": "insert", "table": "Database", "row": {"model": "relay"}}],
            [{"op": "delete", "table": "Database", "where": []}],
            [{"op": "update", "table": "Database", "where": [], "row": {}}],
            [{"op": "mutate", "table": "Database", "where": [], "mutations": []}],
            [{"op": "delete", "table": "Nope", "where": []}, select],
            [comment, {"op": "commit", "durable": True}, {"op": "abort"}], [{"op": "abort"}],
            [{"op": "assert", "lock": "x"}], [wait], [{"op": "commit", "durable": False}]):
        c.call("transact", "_Server", *operations)
    for method in ("monitor", "monitor_cond"):
        c.call(method, "_Server", method, {"Database": {"columns": ["name", "model", "connected",
                                                                    "schema", "leader", "cid"]}})
    for params in ([], [1], [True, False], [None], [True], [False]):
        c.call("set_db_change_aware", *params)
    c.call("get_server_id")
    c.call("get_server_id", 1)
    for params in ([], [1, "two", [3.5, None, True], {"b": 1, "a": {}}],
                   [1e30, -1e-5, 0.1, 1e15, 1e16, 123456789.123456789]):
        c.call("echo", *params)
    for method in ("nope", "", "cancel", "update", "locked"):
        c.call(method, 1)


def locks(c):
    for method in ("lock", "steal", "unlock"):
        for params in ([], [1], ["a b"], ["a", "b"], [""], ["7"], [None]):
            c.call(method, *params)
    steps = [
        ("a", "unlock", "l"), ("a", "lock", "l"), ("a", "lock", "l"), ("a", "steal", "l"),
        ("b", "lock", "l"), ("b", "steal", "l"), ("a", "unlock", "l"), ("b", "unlock", "l"),
        # A waiter that gives up makes the reference tell the owner again, so none does here.
        ("a", "lock", "l"), ("b", "lock", "l"), ("a", "unlock", "l"), ("c", "lock", "l"),
        ("d", "steal", "l"), ("b", "steal", "l"), ("d", "unlock", "l"), ("b", "unlock", "l"),
        ("a", "unlock", "l"), ("c", "unlock", "l"), ("a", "steal", "l"), ("a", "lock", "m"),
    ]
    for on, method, lock in steps:
        c.call(method, lock, on=on)
        for other in "abcd":
            c.listen(other)
    for lock in ("l", "m", "k", "a b"):
        c.transact({"op": "assert", "lock": lock})
    c.transact({"op": "assert"})
    c.call("lock", "m", on="b")
    c.wires.pop("a").close()
    c.listen("b")
    c.listen("b")


def waiting(c):
    until = {"op": "wait", "table": "Queue", "where": row(1), "columns": ["dscp"], "until": "==",
             "rows": [{"dscp": 33}]}
    c.transact(insert(1))
    a = c.wire("a")

    def hear(what):
        message = a.receive()
        c.note(what, normal(message))

    a.send("transact", [DATABASE, until], "W")
    c.call("echo", 1)
    a.send("transact", [DATABASE, until], "W")
    hear("duplicate")
    a.notify("cancel", ["W"])
    c.call("echo", 2)
    c.call("set_db_change_aware", True)
    a.send("transact", [DATABASE, until], "W")
    a.notify("cancel", ["W"])
    hear("canceled")
    for params in (["nope"], [], ["a", "b"], [1]):
        a.notify("cancel", params)
    c.call("echo", 3)
    a.send("transact", [DATABASE, dict(until, timeout=50)], "W")
    hear("timeout")
    c.transact(dict(until, timeout=0))
    c.transact(dict(until, timeout=-1))
    c.call("monitor", DATABASE, "m", {"Queue": {"columns": ["dscp", "external_ids"]}})
    a.send("transact", [DATABASE, until, update(1, external_ids=["map", [["seen", "1"]]])], "W")
    a.send("transact", [DATABASE, until, insert(2)], ["W", 2])
    c.call("echo", 4)
    c.transact(update(1, dscp=32), on="b")
    hear("changed in vain")
    c.transact(update(1, dscp=33), on="b")
    # Updates of one round may come together, but each transaction's before its reply.
    replies = []
    row_state = {}
    while len(replies) < 2:
        message = a.receive()
        if message.get("method"):
            for number, change in message["params"][1]["Queue"].items():
                row_state[number] = change.get("new")
        else:
            replies.append((normal(message), sorted(row_state.items())))
    c.note(sorted(replies, key=json.dumps)[0][0], sorted(replies, key=json.dumps)[1][0],
           sorted(row_state.items()))


def raw_input(c):
    echo = b'{"id":1,"method":"echo","params":[%s]}'
    for text in (b"1.0", b"1e3", b"-0", b"0.1e1", b"100e-2", b"1e400", b"0.3e-308", b"01", b"+1", b".5",
                 b"1.", b"9223372036854775807", b"9223372036854775808", b"1e18", b"1e19",
                 b"12345678901234567890123", b'"\\u0000"', b'"\x00"', b'"\xc3\xa9"', b'"\\ud800"',
                 b'"\\ud83d\\ude00"', b'"\\/"', b'"\\x"', b'"\t"', b"nul", b"[1,]", b'{"a":1,"a":2}',
                 b'{"a":1,}', b"'a'", b"1 2", b"\xc2\xa01"):
        c.raw(echo % text + b" ")
    messages = [
        b'\xef\xbb\xbf{"id":1,"method":"echo","params":[]}', b"hello ", b"hello", b'"a"', b"1 ", b"[]",
        b"{}", b"null ", b'{"id":1}', b'{"id":1,"method":"echo","params":[],"x":null}',
        b'{"id":1,"method":"echo","params":[],"jsonrpc":"2.0"}',
        b'{"id":1,"method":"echo","params":[],"error":null,"result":null}',
        b'{"id":1,"method":"echo","params":[],"error":1}', b'{"id":1,"method":null,"params":[]}',
        b'{"id":1,"method":"echo","params":null}', b'{"id":1,"method":"echo","params":{}}',
        b'{"id":1,"method":1,"params":[]}', b'{"id":null,"result":1}', b'{"id":2,"error":1}',
        b'{"id":"echo","result":1,"error":null}' + echo % b"2", b'{"id":"echo","error":1}',
        b'{"id":null,"method":"nope","params":[]}' + echo % b"3",
        b'{"method":"echo","params":[]}' + echo % b"4",
        (echo % b"1") * 3, b" \r\n\t" + (echo % b"1") + b"\n\n" + echo % b"2",
        echo % b"1" + b"," + echo % b"2", b"[" * 1001, b"[" * 100000,
        b'{"a":' * 100000, echo % (b"[" * 998 + b"]" * 998), echo % (b"[" * 999 + b"]" * 999),
        b'{"id":false,"method":"nope","params":[]}', b'{"id":{"b":1,"a":[2]},"method":"nope","params":[]}',
        b"\x00", b"}", b"]", b",", b":", b'{"id":1]', b"[1}",
        b'{"id":1,"method":"transact","params":["Open_vSwitch",', b"\xff\xfe", b'{"\xff":1}',
    ]
    for message in messages:
        c.raw(message)


def change_awareness(c):
    with open(c.server.schema, encoding="utf-8") as file:
        schema = json.load(file)
    c.transact(insert(1, dscp=5), insert(2, dscp=60))
    c.call("set_db_change_aware", True)
    c.call("monitor", DATABASE, "m", {"Queue": {"columns": ["dscp"]}})
    # Not a monitor of _Server: the reference tells of its change when it happens to wake up.
    c.call("monitor_cond", DATABASE, "m", {"Queue": {}}, on="unaware")
    for params in ([], [DATABASE], [DATABASE, 1], [DATABASE, []], [DATABASE, {}], [1, schema],
                   ["nope", schema], [DATABASE, schema, 1], [DATABASE, dict(schema, name="Other")],
                   [DATABASE, dict(schema, tables={"A": 1})], [DATABASE, dict(schema, version="x")]):
        c.call("convert", *params)
    # Not a type that the present values don't fit: there the reference crashes.
    c.listen("unaware")
    wider = json.loads(json.dumps(schema))
    wider["version"] = "9.0.0"
    del wider["tables"]["Queue"]["columns"]["other_config"]
    wider["tables"]["Queue"]["columns"]["extra"] = {"type": "integer"}
    c.call("convert", DATABASE, wider)
    c.listen("unaware")
    c.transact({"op": "select", "table": "Queue", "where": [], "sort": ["dscp"]})
    c.call("monitor_cancel", "m")
    c.call("get_schema", DATABASE)


CONVERSATIONS = [monitors, values, monitor_errors, condition_changes, databases, locks, waiting,
                 raw_input, change_awareness]


def hold(conversation, server):
    c = Conversation(server)
    conversation(c)
    if not server.alive():
        c.note("the server is gone")
    for wire in c.wires.values():
        wire.close()
    return c.said


def main():
    program, tool, schema = sys.argv[1:4]
    if not os.path.exists(REFERENCE_SERVER):
        print("no reference server on this machine")
        return 77
    failures = 0
    for conversation in CONVERSATIONS:
        if sys.argv[4:] and conversation.__name__ not in sys.argv[4:]:
            continue
        with Server(REFERENCE_SERVER, REFERENCE_TOOL, schema) as reference:
            expected = hold(conversation, reference)
        with Server(program, tool, schema) as ours:
            got = hold(conversation, ours)
        different = [(e, g) for e, g in zip(expected, got) if e != g]
        if len(expected) != len(got):
            different.append((len(expected), len(got)))
        print("%s: %d lines, %s" % (conversation.__name__, len(expected),
                                    "the same" if not different else "DIFFERENT"))
        for e, g in different[:8]:
            print("  reference: %s\n  ours:      %s" % (str(e)[:1500], str(g)[:1500]))
        failures += bool(different)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.setrecursionlimit(10000)  # for deeply nested JSON
    sys.exit(main())
