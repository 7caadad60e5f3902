#!/usr/bin/env python3
"""Composes random command lines and compares our ovs-vsctl with the installed one.

Usage: differential.py --bin DIR [--runs N] [--seed N] [--keep-going]

Both programs work on identical databases, each with an installed ovsdb-server of its own.  After
every command line their output, exit status and databases are compared; uuids that the servers
chose count as equal when the rows they name are.  The seed is printed, and a run with the same seed
tries the same command lines.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time

REFERENCE = "/usr/bin/ovs-vsctl"
INSTALLED_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ROW = re.compile(r"row[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\|\d{5}\|")


# ---------------------------------------------------------------- a database of its own


class Database:
    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory)
        self.environment = dict(os.environ, OVS_RUNDIR=directory, OVS_LOGDIR=directory,
                                OVS_DBDIR=directory, LC_ALL="C", TZ="UTC")
        self.environment.pop("OVS_CTL_TIMEOUT", None)
        file = os.path.join(directory, "conf.db")
        subprocess.run(["ovsdb-tool", "create", file, INSTALLED_SCHEMA], check=True,
                       env=self.environment)
        path = os.path.join(directory, "db.sock")
        with open(os.path.join(directory, "server.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["ovsdb-server", "--remote=punix:" + path, file], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(1000):
            if os.path.exists(path):
                break
            time.sleep(0.01)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.pending = b""
        self.schema = self.call("get_schema", ["Open_vSwitch"])

    def call(self, method, params):
        self.socket.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode())
        decoder = json.JSONDecoder()
        while True:
            try:
                reply, end = decoder.raw_decode(self.pending.decode("utf-8", "surrogateescape"))
                text = self.pending.decode("utf-8", "surrogateescape")
                self.pending = text[end:].encode("utf-8", "surrogateescape")
                if reply.get("error"):
                    raise RuntimeError(reply["error"])
                return reply["result"]
            except ValueError:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise RuntimeError("the server closed the connection") from None
                self.pending += data

    def transact(self, operations):
        return self.call("transact", ["Open_vSwitch"] + operations)

    def contents(self):
        tables = sorted(self.schema["tables"])
        columns = {t: ["_uuid"] + sorted(self.schema["tables"][t]["columns"]) for t in tables}
        results = self.transact([{"op": "select", "table": t, "where": [], "columns": columns[t]}
                                 for t in tables])
        return {t: result["rows"] for t, result in zip(tables, results)}

    def stop(self):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Contents:
    """The rows of a database under names that do not depend on uuids."""

    def __init__(self, tables, known):
        self.tables = tables
        self.known = known
        self.rows = {row["_uuid"][1]: (table, row) for table, rows in tables.items()
                     for row in rows}
        self.names = {}

    def name(self, uuid):
        if uuid in self.known:
            return uuid
        if uuid not in self.names:
            self.names[uuid] = "<cycle>"
            self.names[uuid] = "<" + self.describe(uuid) + ">" if uuid in self.rows else "<none>"
        return self.names[uuid]

    def describe(self, uuid):
        table, row = self.rows[uuid]
        return table + " " + " ".join("%s:%s" % (c, self.value(v)) for c, v in sorted(row.items())
                                      if c != "_uuid")

    def value(self, value):
        if isinstance(value, list) and len(value) == 2:
            if value[0] == "uuid":
                return self.name(value[1])
            if value[0] == "set":
                return "[" + ",".join(sorted(self.value(v) for v in value[1])) + "]"
            if value[0] == "map":
                return "{" + ",".join(sorted(self.value(k) + "=" + self.value(v)
                                             for k, v in value[1])) + "}"
        return json.dumps(value)

    def canonical(self):
        return sorted("%s %s" % (self.name(u) if u in self.known else "", self.describe(u))
                      for u in self.rows)


# ---------------------------------------------------------------- a configuration to begin with


def chosen_uuid(number):
    return "%08x-0000-4000-8000-%012x" % (0xabc00000 + number * 0x1001, number)


def initial_operations(rng):
    """Operations that empty the database and fill it again; the uuids that they choose."""
    known = []

    def new(table, **row):
        uuid = chosen_uuid(len(known))
        known.append(uuid)
        operations.append({"op": "insert", "table": table, "uuid": uuid, "row": row})
        return ["uuid", uuid]

    operations = [{"op": "delete", "table": t, "where": []}
                  for t in ("QoS", "Queue", "Flow_Sample_Collector_Set", "Open_vSwitch")]
    names = iter(["p%d" % i for i in range(1, 30)])
    bridges = []
    for bridge in ["br%d" % i for i in range(rng.randint(1, 3))]:
        ports = [new("Port", name=bridge,
                     interfaces=new("Interface", name=bridge, type="internal"))]
        for _ in range(rng.randint(0, 4)):
            name = next(names)
            row = {"name": name}
            if rng.random() < 0.3:
                members = [name + "a", name + "b", name + "c"][:rng.randint(2, 3)]
                row["interfaces"] = ["set", [new("Interface", name=m) for m in members]]
                row["bond_mode"] = rng.choice(["balance-slb", "active-backup", "balance-tcp"])
            else:
                row["interfaces"] = new("Interface", name=name)
            if rng.random() < 0.4:
                row["tag"] = rng.choice([0, 5, 7])
            if rng.random() < 0.3:
                row["other_config"] = ["map", [["a", "1"], ["b", "x y"]]]
            if rng.random() < 0.3:
                row["trunks"] = ["set", [1, 2, 7]]
            ports.append(new("Port", **row))
        if rng.random() < 0.5:
            name = "v" + bridge
            ports.append(new("Port", name=name, fake_bridge=True, tag=7,
                             interfaces=new("Interface", name=name, type="internal")))
        row = {"name": bridge, "ports": ["set", ports]}
        if rng.random() < 0.3:
            row["controller"] = new("Controller", target="tcp:192.0.2.1:6653")
        if rng.random() < 0.3:
            row["fail_mode"] = "secure"
        if rng.random() < 0.3:
            row["mirrors"] = ["set", [new("Mirror", name="m0", select_src_port=ports[-1])]]
        if rng.random() < 0.3:
            row["external_ids"] = ["map", [["k", "v"], ["k2", "v2"]]]
        bridges.append(new("Bridge", **row))
    queue = new("Queue", dscp=5)
    new("QoS", type="linux-htb", queues=["map", [[0, queue]]])
    root = {"bridges": ["set", bridges]}
    if rng.random() < 0.3:
        root["manager_options"] = new("Manager", target="ptcp:6640")
    if rng.random() < 0.3:
        root["ssl"] = new("SSL", private_key="k", certificate="c", ca_cert="a")
    new("Open_vSwitch", **root)
    return operations, known


# ---------------------------------------------------------------- command lines


class Composer:
    """Random command lines: mostly sensible, often wrong in one place."""

    BRIDGES = ["br0", "br1", "br2", "vbr0", "vbr1", "new", "nope", "br0"]
    NAMES = ["p1", "p2", "p3", "p4", "p5", "p1a", "p2b", "br0", "vbr0", "new", "x/y", "100", "true",
             "", "0b", "p1", "p2", "p3"]
    TABLES = ["Port", "Bridge", "Interface", "port", "bridge", "interface", "br", "p", "in", "qos",
              "queue", "Open_vSwitch", "open", "o", "mirror", "Controller", "manager", "ssl", "s",
              "ct", "CT-Zone", "flow-table", "bogus", "", "netflow", "autoattach", "sflow", "n"]
    COMMON = {"Port": ["tag", "trunks", "other_config", "lacp", "bond_mode", "bond_updelay", "mac",
                       "name", "interfaces", "fake_bridge", "vlan_mode", "statistics", "qos",
                       "cvlans", "external_ids", "b", "oth", "NAME", "bond-fake-iface", "protected"],
              "Bridge": ["name", "ports", "fail_mode", "other_config", "external_ids", "stp_enable",
                         "protocols", "flood_vlans", "controller", "datapath_type", "mirrors",
                         "flow_tables", "stp", "rstp"],
              "Interface": ["name", "type", "options", "ofport", "ofport_request", "mtu_request",
                            "cfm_remote_mpids", "ingress_policing_rate", "external_ids", "lldp",
                            "statistics", "error", "mac", "link_state"],
              "QoS": ["type", "queues", "other_config"], "Queue": ["dscp", "other_config"],
              "Open_vSwitch": ["bridges", "next_cfg", "other_config", "external_ids",
                               "ovs_version", "datapaths", "ssl"],
              "Mirror": ["name", "select_src_port", "output_port", "select_all", "output_vlan"],
              "Controller": ["target", "max_backoff", "is_connected", "role"],
              "Manager": ["target", "inactivity_probe"], "SSL": ["private_key"]}
    VALUES = ["1", "5", "7", "0", "-1", "4095", "4096", "5000", "1,2", "1-3", "1-3,2", "5-1", "[]",
              "[1]", "[1,2]", "{}", "{a=b}", "a=b", "a=b,c=d", "a", "b", "true", "false", "yes",
              "off", "active", "off", "passive", "balance-slb", "secure", "foo", '""', '"x y"',
              '"a\\"b"', '"a', 'a"', "a b", " ", "", ",", "1,", ",1", "1,,2", "[1", "1]", "[1]x",
              "{a=b", "a=b}", "a==b", "=", "a=", "=b", "x:y", "tcp\\:x", "0x10", "1.5", "+3", "é",
              '"\\u00e9"', '"\\n"', '"\\q"', "a\\", "\\", "@x", "@", "trunk", "access", "internal",
              "99999999999999999999", "-5--3", "1 2  3", "[ 4 , 5 ] ", "{ a = b , c = d } ", "a!b",
              "a<b", "!", "\t", "\n", "OpenFlow10", "OpenFlow10,OpenFlow13", "up", "half",
              chosen_uuid(0), chosen_uuid(3), "ffffffff-ffff-ffff-ffff-ffffffffffff",
              "ffffffff-ffff-ffff-ffff-fffffffffff", "AbC", "a.b-c", "_a", "-a", "10.0.0.1"]
    KEYS = ["a", "b", "k", "zz", '"a"', '""', "", "a b", '"a', "hwaddr", "x:y", "1", "0", "é"]
    OPERATORS = ["=", "!=", "<", ">", "<=", ">=", "{=}", "{!=}", "{<}", "{>}", "{<=}", "{>=}",
                 "{in}", "{not-in}", "", "~", "{", "{}", "=="]
    TARGETS = ["ptcp:6640", "tcp:192.0.2.1", "ssl:x", "foo", "unix:a", "", "punix:b", "tcp:a b"]

    def __init__(self, rng):
        self.rng = rng

    def pick(self, choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    def junk(self):
        alphabet = string.ascii_letters + string.digits + " ,:=[]{}\"\\!<>@-_.'\té"
        return "".join(self.pick(alphabet) for _ in range(self.rng.randint(0, 6)))

    def value(self):
        return self.junk() if self.chance(0.1) else self.pick(self.VALUES)

    def table(self):
        return self.pick(["Port", "Bridge", "Interface"]) if self.chance(0.6) else self.pick(
            self.TABLES)

    def column(self, table):
        if self.chance(0.04):
            return self.pick(["bogus", "", "_uuid", "_version", "tag:", "x"]) or self.junk()
        return self.pick(self.COMMON.get(table, self.COMMON["Port"]))

    def record(self, table):
        if self.chance(0.1):
            return self.pick([".", chosen_uuid(1), chosen_uuid(2)[:10], "abc0", "abc", "ABC0",
                              chosen_uuid(4).upper(), chosen_uuid(2)[:5], "7", "07"])
        if table in ("Bridge", "Controller"):
            return self.pick(self.BRIDGES)
        if table == "Open_vSwitch":
            return "."
        if table in ("Queue", "SSL", "Manager") and self.chance(0.7):
            return "."
        if table == "Mirror" and self.chance(0.7):
            return "m0"
        return self.pick(self.NAMES)

    def setting(self, table):
        text = self.column(table)
        if self.chance(0.3):
            text += ":" + self.pick(self.KEYS)
        return text + (self.pick(["=", "=", "=", "=", "=", "==", "", "!="])) + self.value()

    def condition(self, table):
        text = self.column(table)
        if self.chance(0.25):
            text += ":" + self.pick(self.KEYS)
        operator = "=" if self.chance(0.3) else self.pick(self.OPERATORS)
        return text + operator + self.value()

    def some(self, make, low, high):
        return [make() for _ in range(self.rng.randint(low, high))]

    # Each returns (options, [name, arguments...]).

    def database_command(self):
        table = self.table()
        record = self.record(table)
        column = lambda: self.column(table)
        setting = lambda: self.setting(table)
        kind = self.pick(["get", "get", "set", "set", "set", "add", "remove", "clear", "list",
                          "find", "find", "create", "destroy", "wait-until"])
        options = []
        if self.chance(0.2):
            options.append("--if-exists")
        if kind == "get":
            if self.chance(0.15):
                options.append("--id=" + self.pick(["@x", "@y", "x", ""]))
            keyed = lambda: column() + (":" + self.pick(self.KEYS) if self.chance(0.3) else "")
            return options, [kind, table, record] + self.some(keyed, 0, 3)
        if kind == "set":
            return options, [kind, table, record] + self.some(setting, 1, 3)
        if kind in ("add", "remove"):
            return options, [kind, table, record, column()] + self.some(self.value, 1, 2)
        if kind == "clear":
            return options, [kind, table, record] + self.some(column, 1, 2)
        if kind in ("list", "find"):
            options = options if kind == "list" else []
            if self.chance(0.7):
                options.append("--columns=" + self.pick([",", ",", " "]).join(
                    self.some(column, 1, 3) + ["_uuid"] * self.rng.randint(0, 1)))
            condition = lambda: self.condition(table)
            tail = (self.some(lambda: self.record(table), 0, 2) if kind == "list"
                    else self.some(condition, 1, 2))
            return options, [kind, table] + tail
        if kind == "create":
            options = ["--id=" + self.pick(["@x", "@y", "@z", "x"])] if self.chance(0.6) else []
            return options, [kind, table] + self.some(setting, 1, 3)
        if kind == "destroy":
            if self.chance(0.2):
                return options + ["--all"], [kind, table] + (["x"] if self.chance(0.2) else [])
            return options, [kind, table] + self.some(lambda: self.record(table), 0, 2)
        known = self.pick([("Port", "br0"), ("Bridge", "br0")])
        return [], [kind, known[0], known[1], "name=br0"]

    def bridge_command(self):
        bridge = self.pick(self.BRIDGES)
        name = self.pick(self.NAMES)
        port_setting = lambda: self.setting("Port")
        may = ["--may-exist"] if self.chance(0.4) else []
        if_exists = ["--if-exists"] if self.chance(0.3) else []
        makers = {
            "add-br": lambda: (may, ["add-br", self.pick(self.BRIDGES + self.NAMES)] + (
                [bridge, self.pick(["0", "5", "7", "9", "4096", "x", "-1", "7x"])]
                if self.chance(0.4) else [])),
            "del-br": lambda: (if_exists, ["del-br", bridge]),
            "list-br": lambda: (self.pick([[], [], ["--real"], ["--fake"], ["--real", "--fake"]]),
                                ["list-br"]),
            "br-exists": lambda: ([], ["br-exists", "br0" if self.chance(0.7) else bridge]),
            "br-to-vlan": lambda: ([], ["br-to-vlan", bridge]),
            "br-to-parent": lambda: ([], ["br-to-parent", bridge]),
            "br-set-external-id": lambda: ([], ["br-set-external-id", bridge, self.pick(self.KEYS)]
                                           + self.some(self.value, 0, 1)),
            "br-get-external-id": lambda: ([], ["br-get-external-id", bridge]
                                           + self.some(lambda: self.pick(self.KEYS), 0, 1)),
            "list-ports": lambda: ([], ["list-ports", bridge]),
            "list-ifaces": lambda: ([], ["list-ifaces", bridge]),
            "add-port": lambda: (may, ["add-port", bridge, name] + self.some(port_setting, 0, 2)),
            "add-bond": lambda: (
                may + (["--fake-iface"] if self.chance(0.2) else []),
                ["add-bond", bridge, name] + self.some(
                    lambda: self.pick(self.NAMES + ["e1", "e2", "e3", "p1a", "p1b"]), 2, 3)
                + self.some(port_setting, 0, 2)),
            "del-port": lambda: (if_exists + (["--with-iface"] if self.chance(0.3) else []),
                                 ["del-port"] + ([bridge] if self.chance(0.5) else [])
                                 + [self.pick(self.NAMES)]),
            "port-to-br": lambda: ([], ["port-to-br", name]),
            "iface-to-br": lambda: ([], ["iface-to-br", name]),
            "add-bond-iface": lambda: (may, ["add-bond-iface", self.pick(self.NAMES), name]),
            "del-bond-iface": lambda: (if_exists, ["del-bond-iface"]
                                       + ([self.pick(self.NAMES)] if self.chance(0.5) else [])
                                       + [self.pick(["p1a", "p1b", "p2a", "p3b", name])]),
        }
        return makers[self.pick(sorted(makers))]()

    def other_command(self):
        bridge = self.pick(self.BRIDGES)
        target = lambda: self.pick(self.TARGETS)
        number = lambda: self.pick(["1", "2", "100", "x", "", "-1", "4096", "7x"])
        probe = (["--inactivity-probe=" + self.pick(["5", "x", "-1", ""])] if self.chance(0.3)
                 else [])
        makers = [
            lambda: ([], ["show"]), lambda: ([], ["init"]), lambda: ([], ["emer-reset"]),
            lambda: ([], ["comment", self.value()]),
            lambda: ([], ["get-controller", bridge]), lambda: ([], ["del-controller", bridge]),
            lambda: (probe, ["set-controller", bridge] + self.some(target, 0, 2)),
            lambda: ([], ["get-fail-mode", bridge]), lambda: ([], ["del-fail-mode", bridge]),
            lambda: ([], ["set-fail-mode", bridge,
                          self.pick(["secure", "standalone", "", "sec"])]),
            lambda: ([], ["get-manager"]), lambda: ([], ["del-manager"]),
            lambda: (probe, ["set-manager"] + self.some(target, 0, 3)),
            lambda: ([], ["get-ssl"]), lambda: ([], ["del-ssl"]),
            lambda: (["--bootstrap"] if self.chance(0.5) else [],
                     ["set-ssl", self.value(), self.value(), self.value()]),
            lambda: ([], ["add-aa-mapping", bridge, number(), number()]),
            lambda: ([], ["del-aa-mapping", bridge, number(), number()]),
            lambda: ([], ["get-aa-mapping", bridge]),
            lambda: ([], ["list-dp-cap", self.pick(["system", "x"])]),
            lambda: ([], ["list-zone-tp", self.pick(["system", "x"])]),
            lambda: ([], ["add-zone-tp", "x", "zone=1", "icmp_first=1"]),
            lambda: ([], [self.pick(["frob", "", "add", "list-br", "get"])]
                     + self.some(self.value, 0, 2)),
        ]
        return self.pick(makers)()

    def command(self):
        roll = self.rng.random()
        if roll < 0.45:
            options, words = self.database_command()
        elif roll < 0.85:
            options, words = self.bridge_command()
        else:
            options, words = self.other_command()
        if self.chance(0.03):
            options = options + [self.pick(["--bogus", "--if-exists", "--may-exist=1", "--id",
                                            "--columns", "--real", "-x"])]
        if self.chance(0.02):
            words = words[:self.rng.randint(1, len(words))]
        if self.chance(0.02):
            words = words + [self.pick(["x", "--real", "-"])]
        return options + words

    def globals(self):
        words = ["--no-wait"]
        if self.chance(0.15):
            words += self.pick([["-f", "table"], ["--format=csv"], ["-f", "json"], ["-f", "html"],
                                ["-f", "list"], ["--format=json", "--pretty"], ["-f", "x"]])
        if self.chance(0.1):
            words += self.pick([["-d", "json"], ["--data=bare"], ["-d", "string"], ["--bare"],
                                ["--no-headings"], ["--max-column-width=5"]])
        if self.chance(0.1):
            words.append(self.pick(["--oneline", "--dry-run", "--retry"]))
        return words

    def line(self):
        words = self.globals()
        for i in range(self.pick([1, 1, 1, 2, 2, 3, 4])):
            if i > 0 or self.chance(0.5):
                words.append("--")
            words += self.command()
        return [w.replace("\0", "") for w in words]


# ---------------------------------------------------------------- comparing


def canonical_output(text, contents):
    text = ROW.sub("<row>", STAMP.sub("<stamp>|", text))
    # Which of two clashing rows is called the first is arbitrary, and so is the order of rows.
    text = re.sub(r"First row, with UUID .*", lambda m: " ".join(sorted(m.group(0).split(" "))),
                  UUID.sub(lambda m: contents.name(m.group(0)), text))
    text = re.sub(r"\[(<[^\]]*>(?:, <[^\]]*>)*)\]",
                  lambda m: "[" + ", ".join(sorted(m.group(1).split(", "))) + "]", text)
    return re.sub(r"(: at least )\S+ and \S+", r"\1two of them", text)


def run(program, words, database):
    try:
        result = subprocess.run([program] + words, executable=program, env=database.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=20, check=False)
        decode = lambda b: b.decode("utf-8", "surrogateescape")
        return decode(result.stdout), decode(result.stderr), result.returncode
    except subprocess.TimeoutExpired:
        return "", "<hangs>", -1


def is_unordered(words):
    return any(w in ("list", "find", "show") for w in words)


class Comparison:
    def __init__(self, options, directory):
        self.rng = random.Random(options.seed)
        self.composer = Composer(self.rng)
        self.programs = [REFERENCE, os.path.join(os.path.abspath(options.bin), "ovs-vsctl")]
        self.databases = [Database(os.path.join(directory, name)) for name in ("theirs", "ours")]
        self.known = set()

    def reset(self):
        operations, known = initial_operations(self.rng)
        for database in self.databases:
            empty = [o for o in operations if o["op"] == "delete"]
            fill = [o for o in operations if o["op"] == "insert"]
            for result in database.transact(empty) + database.transact(fill):
                if result and "error" in result:
                    raise RuntimeError(result)
        self.known = set(known)

    def step(self, words):
        """A description of the difference, or nothing."""
        results, contents = [], []
        for program, database in zip(self.programs, self.databases):
            results.append(run(program, words, database))
            contents.append(Contents(database.contents(), self.known))
        if results[0][2] < 0 or results[0][1] == "<hangs>":
            return None, True  # the reference crashed: nothing to compare with
        parts = []
        for (out, err, status), state in zip(results, contents):
            out, err = canonical_output(out, state), canonical_output(err, state)
            if is_unordered(words):
                out = "\n".join(sorted(out.split("\n")))
            parts.append((out, err.replace(self.programs[1], "ovs-vsctl").replace(
                self.programs[0], "ovs-vsctl"), status))
        texts = []
        for i, what in enumerate(("output", "messages", "status")):
            if parts[0][i] != parts[1][i]:
                texts.append("  %s:\n    theirs %r\n    ours   %r" % (what, parts[0][i], parts[1][i]))
        states = [state.canonical() for state in contents]
        if states[0] != states[1]:
            only = [[row for row in states[i] if row not in states[1 - i]] for i in (0, 1)]
            texts.append("  database:\n    theirs %r\n    ours   %r" % tuple(only))
        return "\n".join(texts), states[0] != states[1]

    def stop(self):
        for database in self.databases:
            database.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true", help="look for more than 20")
    options = parser.parse_args()
    if not os.path.exists(REFERENCE):
        print("ovs-vsctl is not installed: nothing to compare with")
        return 77

    directory = tempfile.mkdtemp(prefix="differential-")
    differences = 0
    comparison = Comparison(options, directory)
    try:
        for number in range(options.runs):
            if number % 25 == 0:
                comparison.reset()
            words = comparison.composer.line()
            difference, diverged = comparison.step(words)
            if difference:
                differences += 1
                print("run %d: ovs-vsctl %s\n%s\n" % (
                    number, " ".join(repr(w) for w in words), difference), flush=True)
                if differences >= 20 and not options.keep_going:
                    break
            if diverged:
                comparison.reset()
    finally:
        comparison.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print("seed %d: %d differences in %d runs" % (options.seed, differences, options.runs))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
