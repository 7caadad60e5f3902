#!/usr/bin/python3
"""Random transactions and monitors of several clients, the same for the reference
ovsdb-server and ours; every reply, every update and the final contents must be the same.
Usage: random_wire_test.py PROGRAM TOOL SCHEMA [SEED [STEPS]]

Exit status 77: there is no reference on this machine.
"""

import os
import random
import sys

from conversation_test import DATABASE, ZERO, Conversation, delete, insert, ref, row, update, uuid
from wire import REFERENCE_SERVER, REFERENCE_TOOL, Server

CLIENTS = "abc"
QUEUE_COLUMNS = ["_uuid", "dscp", "external_ids", "other_config"]
MONITORS = ["m1", "m2", "m3", ["m", 4]]


class Script:
    """A seeded sequence of steps; a step is a client, a method and its params."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = {"Queue": [], "QoS": []}
        self.next_row = 1

    def steps(self, count):
        return [self.step() for _ in range(count)]

    def step(self):
        make = self.random.choices(
            [self.transaction, self.monitor, self.cancel], [10, 1, 1])[0]
        return (self.random.choice(CLIENTS), *make())

    def one_of(self, *choices):
        return self.random.choice(choices)

    def number(self, table):
        known = self.rows[table]
        if known and self.random.random() < 0.9:
            return self.random.choice(known)
        return 9999

    def dscp(self):
        return self.one_of(0, 1, 5, 6, 63, ["set", []], ["set", [7]], 5.0, 64, "x", ["set", [1, 2]])

    def text_map(self):
        keys = self.random.sample(["a", "b", "c", "\u00e9\"\\\n"], self.random.randrange(4))
        return ["map", [[key, self.one_of("", "1", "2")] for key in keys]]

    def queue_row(self):
        columns = {}
        if self.random.random() < 0.7:
            columns["dscp"] = self.dscp()
        if self.random.random() < 0.5:
            columns["external_ids"] = self.text_map()
        if self.random.random() < 0.3:
            columns["other_config"] = self.text_map()
        if self.random.random() < 0.02:  # alone: which of two errors is told is nobody's promise
            columns = {"nope": 1}
        return columns

    def queues(self):
        keys = self.random.sample(range(5), self.random.randrange(3))
        return ["map", [[key, ref(self.number("Queue"))] for key in keys]]

    def where(self, table):
        if table == "QoS" or self.random.random() < 0.5:
            return row(self.number(table))
        return [] if self.random.random() < 0.1 else [self.clause()]

    def clause(self):
        return self.one_of(
            ["dscp", self.one_of("==", "!=", "<", "<=", ">", ">=", "includes", "excludes"),
             self.one_of(0, 5, 6, 63)],
            ["external_ids", self.one_of("includes", "excludes", "==", "!="), self.text_map()],
            ["_uuid", self.one_of("==", "!="), ref(self.number("Queue"))],
            True, False)

    def mutation(self):
        return self.one_of(
            ["dscp", self.one_of("+=", "-=", "*=", "/=", "%="), self.one_of(0, 1, 2, 3)],
            ["external_ids", "insert", self.text_map()],
            ["external_ids", "delete", self.one_of(self.text_map(), ["set", ["a", "b"]])],
            ["dscp", "delete", 5], ["dscp", "insert", 6], ["_uuid", "+=", 1])

    def operation(self):
        kind = self.random.choices(
            ["insert", "update", "mutate", "delete", "select", "qos", "wait", "bad"],
            [6, 6, 4, 2, 2, 3, 1, 1])[0]
        return getattr(self, "make_" + kind)()

    def make_insert(self):
        number, self.next_row = self.next_row, self.next_row + 1
        self.rows["Queue"].append(number)
        return insert(number, **self.queue_row())

    def make_qos(self):
        if self.rows["QoS"] and self.random.random() < 0.6:
            return update(self.number("QoS"), "QoS", queues=self.queues())
        number, self.next_row = self.next_row, self.next_row + 1
        self.rows["QoS"].append(number)
        return insert(number, "QoS", type="t", queues=self.queues())

    def make_update(self):
        return {"op": "update", "table": "Queue", "where": self.where("Queue"), "row": self.queue_row()}

    def make_mutate(self):
        # One row: of several that can't be changed it is nobody's promise which one is told.
        return {"op": "mutate", "table": "Queue", "where": row(self.number("Queue")),
                "mutations": [self.mutation() for _ in range(self.random.randrange(1, 3))]}

    def make_delete(self):
        table = self.one_of("Queue", "Queue", "QoS")
        number = self.number(table)
        return delete(number, table)

    def make_select(self):
        return {"op": "select", "table": "Queue", "where": self.where("Queue"),
                "columns": ["_uuid", "dscp"], "sort": ["_uuid"]}

    def make_wait(self):
        return {"op": "wait", "table": "Queue", "where": row(self.number("Queue")), "timeout": 0,
                "columns": ["dscp"], "until": self.one_of("==", "!="), "rows": [{"dscp": 5}]}

    def make_bad(self):
        return self.one_of({"op": "abort"}, {"op": "nope"}, {"op": "assert", "lock": "l"},
                           {"op": "commit", "durable": False}, {"op": "comment", "comment": "c"}, 1,
                           {"op": "insert", "table": "Nope", "row": {}})

    def transaction(self):
        return ("transact", [DATABASE] + [self.operation() for _ in range(self.random.randrange(1, 4))])

    def monitor(self):
        request = {"columns": self.random.sample(QUEUE_COLUMNS, self.random.randrange(5))}
        if self.random.random() < 0.2:
            request["select"] = {self.one_of("initial", "insert", "delete", "modify"): False}
        method = self.one_of("monitor", "monitor_cond", "monitor_cond_since")
        if method != "monitor" and self.random.random() < 0.6:
            request["columns"] = QUEUE_COLUMNS  # conditions on others make the reference crash
            request["where"] = [self.clause() for _ in range(self.random.randrange(3))]
        requests = {"Queue": [request]}
        if self.random.random() < 0.3:
            requests["QoS"] = [{"columns": ["queues"]}]
        params = [DATABASE, self.random.choice(MONITORS), requests]
        return (method, params + [ZERO] if method == "monitor_cond_since" else params)

    def cancel(self):
        return ("monitor_cancel", [self.random.choice(MONITORS)])


def hold(server, steps):
    c = Conversation(server)
    for name in CLIENTS:
        c.call("echo", on=name)
    for client, method, params in steps:
        c.call(method, *params, on=client)
        for name in CLIENTS:
            c.listen(name)
    for table in ("Queue", "QoS"):
        c.transact({"op": "select", "table": table, "where": [], "sort": ["_uuid"]})
    return c.said


def main():
    program, tool, schema = sys.argv[1:4]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 400
    if not os.path.exists(REFERENCE_SERVER):
        print("no reference server on this machine")
        return 77
    steps = Script(seed).steps(count)
    with Server(REFERENCE_SERVER, REFERENCE_TOOL, schema) as reference:
        expected = hold(reference, steps)
    with Server(program, tool, schema) as ours:
        got = hold(ours, steps)
    different = [i for i, (e, g) in enumerate(zip(expected, got)) if e != g]
    print("seed %d: %d lines from the reference, %d from ours, %d different"
          % (seed, len(expected), len(got), len(different)))
    for i in different[:3]:
        for line in expected[max(i - 2, 0):i]:
            print("  before:    %s" % str(line)[:800])
        print("  reference: %s\n  ours:      %s" % (str(expected[i])[:1500], str(got[i])[:1500]))
    return 1 if different or len(expected) != len(got) else 0


if __name__ == "__main__":
    sys.exit(main())
