"""Databases with a server of their own, and their contents in a comparable form."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import time

INSTALLED_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
OUR_SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schemas",
                          "vswitch.ovsschema")


class Database:
    """Served by the installed ovsdb-server."""

    tool, server = "ovsdb-tool", "ovsdb-server"

    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory)
        self.environment = dict(os.environ, OVS_RUNDIR=directory, OVS_LOGDIR=directory,
                                OVS_DBDIR=directory, LC_ALL="C", TZ="UTC")
        self.environment.pop("OVS_CTL_TIMEOUT", None)
        file = os.path.join(directory, "conf.db")
        subprocess.run([self.tool, "create", file, self.schema_file()], check=True,
                       env=self.environment)
        path = os.path.join(directory, "db.sock")
        with open(os.path.join(directory, "server.log"), "wb") as log:
            self.process = subprocess.Popen(
                [self.server, "--remote=punix:" + path, file], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(1000):
            if self.socket.connect_ex(path) == 0:
                break
            time.sleep(0.01)
        self.pending = b""
        self.schema = self.call("get_schema", ["Open_vSwitch"])

    def schema_file(self):
        return INSTALLED_SCHEMA

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

    def comments(self):
        """What the transactions of the server's whole life said they were."""
        result = subprocess.run(["ovsdb-tool", "show-log", os.path.join(self.directory, "conf.db")],
                                env=self.environment, stdout=subprocess.PIPE, check=True)
        lines = result.stdout.decode("utf-8", "surrogateescape").replace(self.directory, "<rundir>")
        return [line.split('"', 1)[1] for line in lines.split("\n") if "(invoked by" in line]

    def stop(self):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class OurDatabase(Database):
    """Served by the ovsdb-server under test."""

    def __init__(self, directory, programs):
        self.tool = os.path.join(programs, "ovsdb-tool")
        self.server = os.path.join(programs, "ovsdb-server")
        super().__init__(directory)

    def schema_file(self):
        return OUR_SCHEMA


class Contents:
    """The rows of a database under names that do not depend on uuids."""

    def __init__(self, database, known):
        self.directory = database.directory
        self.known = known
        tables = database.contents()
        self.roots = tables["Open_vSwitch"]
        self.rows = {row["_uuid"][1]: (table, row) for table, rows in tables.items()
                     for row in rows}
        self.names = {}

    def name(self, uuid):
        if uuid in self.known:
            return uuid
        if uuid not in self.names:
            self.names[uuid] = "<cycle>"
            described = self.describe(uuid) if uuid in self.rows else "none"
            self.names[uuid] = "<%s>" % hashlib.sha1(described.encode()).hexdigest()[:12]
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

    def has_applied(self, cfg):
        return [root["cur_cfg"] for root in self.roots] == [cfg]

    def canonical(self):
        return sorted("%s %s" % (self.name(u) if u in self.known else "", self.describe(u))
                      for u in self.rows)
