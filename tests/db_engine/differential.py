#!/usr/bin/env python3
"""Sends the same random transactions to a reference ovsdb-server and to the engine's driver, and
compares every result and, now and then, the whole contents.

    differential.py DRIVER [--count N] [--seed N] [--schema FILE] [--verbose]

Uuids are compared up to renaming: both sides must use new ones in the same places.  Exit status 77
if no ovsdb-server is installed."""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ZERO = "00000000-0000-0000-0000-000000000000"


class Reference:
    """A real ovsdb-server with a database of its own, in a temporary folder."""

    def __init__(self, schema, name):
        self.folder = tempfile.mkdtemp(prefix="bondway-differential-")
        self.name = name
        database = os.path.join(self.folder, "db")
        path = os.path.join(self.folder, "sock")
        subprocess.run(["ovsdb-tool", "create", database, schema], check=True)
        self.process = subprocess.Popen(
            ["ovsdb-server", "--remote=punix:" + path, "--unixctl=" + path + ".ctl", database],
            stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.decoder = json.JSONDecoder()
        self.text = ""

    def run(self, operations):
        request = {"method": "transact", "params": [self.name, *operations], "id": 1}
        self.socket.sendall(json.dumps(request).encode())
        while True:
            try:
                reply, end = self.decoder.raw_decode(self.text)
                self.text = self.text[end:]
                return reply.get("result") if reply.get("error") is None else reply
            except ValueError:
                pass
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the reference closed the connection")
            self.text += data.decode()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.folder)


class Driver:
    """Our engine."""

    def __init__(self, program, schema, name):
        self.name = name
        self.process = subprocess.Popen([program, schema], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, operations):
        self.process.stdin.write(json.dumps([self.name, *operations]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("the driver ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Renaming:
    """Which uuid of ours is which of the reference's."""

    def __init__(self):
        self.ours = {}
        self.theirs = {}

    def unify(self, their, our):
        """Whether two values are equal up to renaming; learns new pairs."""
        if isinstance(their, str) and isinstance(our, str):
            return self.unify_text(their, our)
        if isinstance(their, list) and isinstance(our, list):
            return len(their) == len(our) and all(map(self.unify, their, our))
        if isinstance(their, dict) and isinstance(our, dict):
            return their.keys() == our.keys() and all(self.unify(their[k], our[k]) for k in sorted(their))
        return their == our and isinstance(their, bool) == isinstance(our, bool)

    def unify_text(self, their, our):
        a, b = UUID.findall(their), UUID.findall(our)
        if len(a) != len(b) or UUID.sub("U", their) != UUID.sub("U", our):
            return False
        return all(self.ours.setdefault(x, y) == y and self.theirs.setdefault(y, x) == x
                   for x, y in zip(a, b))

    def to_ours(self, operations):
        text = json.dumps(operations)
        return json.loads(UUID.sub(lambda m: self.ours.get(m[0], m[0]), text))


class Generator:
    """Random operations, mostly valid, on the tables of a schema."""

    def __init__(self, schema, rng):
        self.tables = schema["tables"]
        self.rng = rng
        self.uuids = {table: [] for table in self.tables}
        self.strings = ["", "a", "b", "ab", "abc", "10", "b c", "true", "x" * 5, "\u00e9\u20ac", "q\"\\\n"]
        self.names = []
        self.mistakes = 0

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, share):
        return self.rng.random() < share

    def mistake(self, share):
        """At most one per operation: which of several is complained of first is not said."""
        made = self.mistakes > 0 and self.chance(share)
        self.mistakes -= made
        return made

    # Values -------------------------------------------------------------------------------------

    def atom(self, base):
        if isinstance(base, str):
            base = {"type": base}
        if self.mistake(0.1):
            return self.pick(None, {}, [], "x", 1.5, True, ["uuid", "x"], ["named-uuid", "a b"], ["set", []],
                             99, -99, "abcdef", "")
        if "enum" in base:
            values = base["enum"]
            values = values[1] if isinstance(values, list) and values[0] == "set" else [values]
            return self.rng.choice(values)
        kind = base["type"]
        if kind == "integer":
            return self.number(base, "Integer", [0, 1, 2, 3, 4, 5, -1, 7, 10, 99, 1 << 62, 2.0, -(1 << 63)])
        if kind == "real":
            return self.number(base, "Real", [0, 0.5, -1.5, 2.25, 1e300, 3, 0.1, -7.75])
        if kind == "boolean":
            return self.chance(0.5)
        if kind == "string":
            low, high = base.get("minLength", 0), base.get("maxLength", 99)
            return self.rng.choice([t for t in self.strings if low <= len(t) <= high])
        return self.uuid(base.get("refTable"))

    def number(self, base, name, choices):
        low, high = base.get("min" + name, -1 << 64), base.get("max" + name, 1e308)
        return self.rng.choice([n for n in choices if low <= n <= high])

    def uuid(self, table=None):
        if self.names and self.chance(0.45):
            fitting = [n for n, t in self.names if t == table] or [n for n, _ in self.names]
            return ["named-uuid", self.rng.choice(fitting)]
        known = self.uuids.get(table) or []
        if known and self.chance(0.97):
            return ["uuid", self.rng.choice(known)]
        return self.pick(["uuid", ZERO], ["uuid", ZERO[:-1] + "1"], ["named-uuid", "nobody"])

    def value(self, kind):
        if isinstance(kind, str) or "key" not in kind:
            return self.atom(kind)
        low, high = kind.get("min", 1), kind.get("max", 1)
        high = 6 if high == "unlimited" else high
        count = self.rng.randint(low, min(high, 4))
        if self.mistake(0.1):
            count = self.pick(0, high + 1)
        if "value" in kind:
            pairs = [[self.atom(kind["key"]), self.atom(kind["value"])] for _ in range(count)]
            keys = [k for k, _ in pairs]
            if len({json.dumps(k) for k in map(plain, keys)}) < len(keys) and not self.mistake(0.2):
                pairs = pairs[:1]
            return ["map", pairs]
        if count == 1 and self.chance(0.7):
            return self.atom(kind["key"])
        elements = []
        for _ in range(count):
            element = self.atom(kind["key"])
            if element not in elements or self.mistake(0.05):
                elements.append(element)
        return ["set", elements]

    # Parts of operations ------------------------------------------------------------------------

    def table(self):
        return self.rng.choice(list(self.tables)) if not self.mistake(0.02) else self.pick("Nope", 1, "a b")

    def columns_of(self, table):
        return self.tables.get(table, self.tables[next(iter(self.tables))])["columns"] \
            if isinstance(table, str) else {}

    def column(self, table):
        if self.mistake(0.05) or not self.columns_of(table):
            return self.pick("nope", "_uuid", "_version")
        return self.rng.choice(list(self.columns_of(table)))

    def type_of(self, table, column):
        description = self.columns_of(table).get(column)
        return description["type"] if description else "uuid"

    def row(self, table, share):
        columns = self.columns_of(table)
        row = {name: self.value(c["type"]) for name, c in columns.items() if self.chance(share)}
        if self.mistake(0.05):
            row[self.pick("nope", "_uuid", "_version")] = self.pick(1, ["uuid", ZERO])
        return row

    def full_row(self, table):
        """Every column that must not keep its default is given."""
        row = self.row(table, 0.4)
        for name, column in self.columns_of(table).items():
            kind = column["type"]
            if name == "name" or (isinstance(kind, dict) and kind.get("min", 1) == 1):
                row[name] = self.value(kind)
        return row

    def clause(self, table):
        if self.mistake(0.1):
            return self.pick(True, False, 1, "x", [], ["i"], [1, 2, 3], None)
        if self.chance(0.35):
            return ["_uuid", self.pick("==", "==", "==", "!=", "includes", "excludes", "<"), self.uuid(table)]
        column = self.column(table)
        function = self.pick("==", "!=", "includes", "excludes", "<", "<=", ">", ">=", "==", "includes",
                             *(["nope"] if self.mistake(0.1) else []))
        return [column, function, self.value(self.type_of(table, column))]

    def where(self, table):
        if self.mistake(0.03):
            return self.pick(None, 1, "x", {})
        return [self.clause(table) for _ in range(self.pick(0, 1, 1, 1, 1, 2))]

    def mutation(self, table):
        if self.mistake(0.1):
            return self.pick(True, 1, [], ["i", "+="], [1, 2, 3])
        column = self.column(table)
        kind = self.type_of(table, column)
        key = kind["key"] if isinstance(kind, dict) and "key" in kind else kind
        atomic = key if isinstance(key, str) else key["type"]
        is_map = isinstance(kind, dict) and "value" in kind
        if atomic in ("integer", "real") and not is_map and self.chance(0.7):
            # The reference lets the least integer times -1 pass, which overflows.
            mutator, number = self.pick("+=", "-=", "*=", "/=", "%="), self.pick(0, 1, 2, 3, -1, 1 << 62, 0.5)
            return [column, mutator, 5 if (mutator, number) == ("*=", -1) else number]
        mutator = self.pick("insert", "delete", "insert", "delete", "+=",
                            *(["nope"] if self.mistake(0.1) else []))
        if mutator == "delete" and is_map and self.chance(0.5):
            keys = [self.atom(kind["key"]) for _ in range(self.rng.randint(0, 3))]
            return [column, mutator, self.pick(["set", keys], self.atom(kind["key"]))]
        return [column, mutator, self.value(kind)]

    def column_list(self, table):
        names = [self.column(table) for _ in range(self.rng.randint(0, 3))]
        return names if self.mistake(0.2) else list(dict.fromkeys(names))

    # Operations ---------------------------------------------------------------------------------

    def operation(self):
        self.mistakes = self.chance(0.3)
        if self.chance(0.01):
            return self.pick(1, {}, {"op": 1}, {"op": "nope"}, {"op": "insert"}, {"op": "select", "table": "A"},
                             {"op": "update", "table": "A", "where": []}, {"op": "commit"}, {"op": "comment"},
                             {"op": "assert"}, {"op": "assert", "lock": "l"}, {"op": "abort", "x": 1},
                             {"op": "wait", "table": "A", "where": [], "until": "<", "rows": []},
                             {"op": "wait", "table": "A", "where": [], "until": "==", "rows": [1]},
                             {"op": "wait", "table": "A", "where": [], "until": "==", "rows": [], "timeout": -1})
        make = self.pick(self.insert, self.insert, self.select, self.update, self.mutate, self.mutate,
                         self.delete, self.wait, self.other)
        operation = make()
        if self.mistake(0.05):
            operation[self.pick("extra", "where", "table", "op", "row")] = self.pick(1, "x", [], {})
        if self.mistake(0.05):
            operation.pop(self.rng.choice(list(operation)))
        return operation

    def insert(self):
        table = self.table()
        operation = {"op": "insert", "table": table, "row": self.full_row(table)}
        if self.chance(0.7):
            name = "r%d" % self.rng.randint(0, 30) if self.chance(0.98) else self.pick("a b", 1, "")
            operation["uuid-name"] = name
            self.names.append((name, table))
        if self.chance(0.02):
            operation["uuid"] = self.pick("x", ZERO[:-3] + "1%02x" % self.rng.randint(0, 255),
                                          *(self.uuids.get(table) or [ZERO]))
        return operation

    def select(self):
        table = self.table()
        operation = {"op": "select", "table": table, "where": self.where(table)}
        if self.chance(0.6):
            operation["columns"] = self.column_list(table)
        return operation

    def update(self):
        table = self.table()
        row = self.row(table, 0.15)
        for name, column in self.columns_of(table).items():
            if name in row and column.get("mutable") is False and not self.mistake(0.3):
                del row[name]
        return {"op": "update", "table": table, "where": self.where(table), "row": row}

    def mutate(self):
        table = self.table()
        return {"op": "mutate", "table": table, "where": self.where(table),
                "mutations": [self.mutation(table) for _ in range(self.pick(1, 1, 2, 3))]}

    def delete(self):
        table = self.table()
        where = self.where(table)
        if where == [] and self.chance(0.7):
            where = [["_uuid", "==", self.uuid(table)]]
        return {"op": "delete", "table": table, "where": where}

    def wait(self):
        table = self.table()
        columns = self.column_list(table) or ["nope"]
        return {"op": "wait", "table": table, "where": self.where(table), "columns": columns,
                "until": self.pick("==", "!=", "!=", "!="), "timeout": 0,
                "rows": [{c: self.value(self.type_of(table, c)) for c in columns}
                         for _ in range(self.rng.randint(0, 2))]}

    def other(self):
        return self.pick({"op": "comment", "comment": "c"}, {"op": "commit", "durable": False},
                         {"op": "assert", "lock": "l"} if self.chance(0.1) else {"op": "comment", "comment": ""},
                         {"op": "abort"} if self.chance(0.1) else {"op": "commit", "durable": self.chance(0.1)})

    def transaction(self):
        count = self.pick(1, 1, 2, 3, 4, 6)
        # Forward references to names are tried, too.
        self.names = [("r%d" % i, self.rng.choice(list(self.tables))) for i in range(3)] if self.chance(0.1) else []
        return [self.operation() for _ in range(count)]


def plain(number):
    return int(number) if isinstance(number, float) and number.is_integer() else number


def normalize(result, rows_key="rows"):
    """Rows have no order, and which row of a clash comes first is not said."""
    if isinstance(result, list):
        return [normalize(r) for r in result]
    if isinstance(result, dict):
        if rows_key in result and isinstance(result[rows_key], list):
            return {**result, rows_key: sorted(result[rows_key], key=lambda r: UUID.sub("U", json.dumps(r, sort_keys=True)))}
        return result
    return result


VALUE_ERRORS = ("constraint violation", "range error", "domain error")


def is_clash_equal(operation, their, our):
    """Errors of which the engine may name either row, or any one of several culprits."""
    texts = [(r or {}).get("details", "") if isinstance(r, dict) else "" for r in (their, our)]
    kinds = [re.sub(r"\(.*?\) for index.*", "", UUID.sub("U", t)).split("First row")[0] for t in texts]
    if texts[0].startswith("Transaction causes multiple rows") and kinds[0] == kinds[1]:
        return True
    if all(re.match("^(Weak reference column|Deletion of)", t) for t in texts):
        return True
    if isinstance(operation, dict) and operation.get("op") == "mutate" and all(isinstance(r, dict) and r.get("error") in VALUE_ERRORS
                                               for r in (their, our)):
        return True
    for pattern in (r"^Table \w+ column \w+ row U references nonexistent row",
                    r"^cannot delete \w+ row U because of"):
        if all(re.match(pattern, UUID.sub("U", t)) for t in texts):
            return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schema", default=os.path.join(HERE, "types.ovsschema"))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not shutil.which("ovsdb-server"):
        print("no ovsdb-server to compare with")
        return 77
    with open(options.schema) as file:
        schema = json.load(file)
    rng = random.Random(options.seed)
    generator = Generator(schema, rng)
    reference = Reference(options.schema, schema["name"])
    ours = Driver(options.driver, options.schema, schema["name"])
    renaming = Renaming()
    failures = succeeded = crashes = 0
    dump = [{"op": "select", "table": t, "where": [],
             "columns": ["_uuid", *sorted(schema["tables"][t]["columns"])]} for t in schema["tables"]]
    try:
        for number in range(options.count):
            operations = generator.transaction() if number % 10 else dump
            try:
                their = normalize(reference.run(operations))
            except EOFError:  # it does crash now and then: both begin anew
                print("#%d the reference died of %s" % (number, json.dumps(operations)))
                reference.close()
                ours.close()
                reference = Reference(options.schema, schema["name"])
                ours = Driver(options.driver, options.schema, schema["name"])
                renaming = Renaming()
                generator.uuids = {table: [] for table in schema["tables"]}
                crashes += 1
                continue
            our = normalize(ours.run(renaming.to_ours(operations)))
            failed = any(isinstance(r, dict) and "error" in r for r in their)
            succeeded += not failed
            same = compare(renaming, operations, their, our)
            if number % 10 == 0:
                for table, result in zip(schema["tables"], their):
                    generator.uuids[table] = [r["_uuid"][1] for r in result["rows"]]
            if options.verbose or not same:
                print("#%d %s" % (number, "same" if same else "DIFFERENT"))
                print("  operations", json.dumps(operations))
                print("  reference ", json.dumps(their, sort_keys=True))
                print("  ours      ", json.dumps(our, sort_keys=True))
            failures += not same
            if failures >= 5:
                break
    finally:
        reference.close()
        ours.close()
    print("%d transactions, %d of them succeeded, %d differences, %d crashes of the reference (seed %d)"
          % (number + 1, succeeded, failures, crashes, options.seed))
    return 1 if failures else 0


def compare(renaming, operations, their, our):
    if not isinstance(our, list) or not isinstance(their, list) or len(their) != len(our):
        return False
    for operation, a, b in zip([*operations, {}], their, our):
        if isinstance(a, dict) and "rows" in a and isinstance(b, dict) and "rows" in b:
            if not unify_rows(renaming, a["rows"], b["rows"]):
                return False
        elif not renaming.unify(a, b) and not is_clash_equal(operation, a, b):
            return False
    return True


def unify_rows(renaming, their, our):
    """Rows in any order: uuids known already make rows equal, then their text up to uuids."""
    known = lambda text: UUID.sub(lambda m: renaming.ours.get(m[0], "U"), text)
    kept = set(renaming.theirs)
    mine = lambda text: UUID.sub(lambda m: m[0] if m[0] in kept else "U", text)
    a = sorted(their, key=lambda r: known(json.dumps(canonical(r, known), sort_keys=True)))
    b = sorted(our, key=lambda r: mine(json.dumps(canonical(r, mine), sort_keys=True)))
    return len(a) == len(b) and all(
        known(json.dumps(canonical(x, known), sort_keys=True)) ==
        mine(json.dumps(canonical(y, mine), sort_keys=True)) for x, y in zip(a, b))


def canonical(row, rename):
    """Sets and maps of uuids are sorted by uuid, which differs from side to side; _version is free."""
    def sort(value):
        if isinstance(value, list) and len(value) == 2 and value[0] in ("set", "map"):
            return [value[0], sorted(value[1], key=lambda e: rename(json.dumps(e)))]
        return value
    return {k: "V" if k == "_version" else sort(v) for k, v in row.items()}


if __name__ == "__main__":
    sys.exit(main())
