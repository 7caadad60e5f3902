"""Random configurations and random command lines of ovs-vsctl.

Everything is drawn from one random.Random, so that a seed names a run.  Command lines are mostly
sensible, often wrong in one place; they reach every command, global option, output format, value
syntax and condition operator of ovs-vsctl(8).
"""

import string

APPLIED = 10 ** 9  # cur_cfg of every configuration: commands that wait for the daemon return at once


def chosen_uuid(number):
    return "%08x-0000-4000-8000-%012x" % (0xabc00000 + number * 0x1001, number)


# ---------------------------------------------------------------- a configuration to begin with


class Configuration:
    """Operations that fill an empty database, with uuids of their own choice."""

    EMPTY = [[{"op": "delete", "table": table, "where": []} for table in tables]
             for tables in (("Flow_Sample_Collector_Set", "Open_vSwitch"), ("QoS", "Queue"))]

    def __init__(self, rng):
        self.rng = rng
        self.operations = []
        self.uuids = []
        self.names = iter(["p%d" % i for i in range(1, 30)])
        queue = self.new("Queue", dscp=5)
        self.qos = self.new("QoS", type="linux-htb", queues=["map", [[0, queue]]])
        bridges = [self.bridge("br%d" % i) for i in range(rng.randint(1, 3))]
        self.root(bridges)

    def chance(self, probability):
        return self.rng.random() < probability

    def new(self, table, **row):
        uuid = chosen_uuid(len(self.uuids))
        self.uuids.append(uuid)
        self.operations.append({"op": "insert", "table": table, "uuid": uuid, "row": row})
        return ["uuid", uuid]

    def port(self):
        name = next(self.names)
        row = {"name": name}
        if self.chance(0.3):
            members = [name + "a", name + "b", name + "c"][:self.rng.randint(2, 3)]
            row["interfaces"] = ["set", [self.new("Interface", name=m) for m in members]]
            row["bond_mode"] = self.rng.choice(["balance-slb", "active-backup", "balance-tcp"])
        else:
            settings = {"name": name}
            if self.chance(0.3):
                settings["ofport"] = self.rng.choice([-1, 7])
            if self.chance(0.2):
                settings["error"] = "could not open network device " + name
            if self.chance(0.2):
                settings.update(type="patch", options=["map", [["peer", "x-1"], ["k", "a b"]]])
            row["interfaces"] = self.new("Interface", **settings)
        if self.chance(0.4):
            row["tag"] = self.rng.choice([0, 5, 7])
        if self.chance(0.3):
            row["other_config"] = ["map", [["a", "1"], ["b", "x y"]]]
        if self.chance(0.3):
            row["trunks"] = ["set", [1, 2, 7]]
        if self.chance(0.1):
            row["qos"] = self.qos
        return self.new("Port", **row)

    def fake_bridge(self, name, vlan):
        row = {"name": name, "fake_bridge": True, "tag": vlan,
               "interfaces": self.new("Interface", name=name, type="internal")}
        if self.chance(0.3):
            row["external_ids"] = ["map", [["fake-bridge-k", "v"], ["k", "w"]]]
        return self.new("Port", **row)

    def bridge(self, name):
        ports = [self.new("Port", name=name,
                          interfaces=self.new("Interface", name=name, type="internal"))]
        ports += [self.port() for _ in range(self.rng.randint(0, 4))]
        if self.chance(0.5):
            ports.append(self.fake_bridge("v" + name, 7))
        if self.chance(0.15):
            ports.append(self.fake_bridge("w" + name, 5))
        row = {"name": name, "ports": ["set", ports]}
        if self.chance(0.3):
            row["controller"] = self.new("Controller", target="tcp:192.0.2.1:6653")
            if self.chance(0.3):
                other = self.new("Controller", target="ssl:192.0.2.2", is_connected=True)
                row["controller"] = ["set", [row["controller"], other]]
        if self.chance(0.3):
            row["fail_mode"] = "secure"
        if self.chance(0.3):
            row["mirrors"] = ["set", [self.new("Mirror", name="m0", select_src_port=ports[-1])]]
        if self.chance(0.3):
            row["external_ids"] = ["map", [["k", "v"], ["k2", "v2"]]]
        if self.chance(0.2):
            row["other_config"] = ["map", [["hwaddr", "00:00:00:00:00:01"], ["a", "b"]]]
        if self.chance(0.1):
            row["netflow"] = self.new("NetFlow", targets="192.0.2.1:5566")
        if self.chance(0.1):
            row["sflow"] = self.new("sFlow", targets=["set", ["192.0.2.1:1", "192.0.2.2:2"]])
        if self.chance(0.1):
            row["ipfix"] = self.new("IPFIX", targets="192.0.2.1:3")
        if self.chance(0.2):
            row["auto_attach"] = self.new("AutoAttach", mappings=["map", [[1, 100], [2, 100]]])
        if self.chance(0.1):
            row["flow_tables"] = ["map", [[0, self.new("Flow_Table", name="t0", flow_limit=5)]]]
        if self.chance(0.2):
            row["datapath_type"] = "netdev"
        bridge = self.new("Bridge", **row)
        if self.chance(0.1):
            self.new("Flow_Sample_Collector_Set", id=7, bridge=bridge)
        return bridge

    def root(self, bridges):
        row = {"bridges": ["set", bridges], "cur_cfg": APPLIED}
        if self.chance(0.3):
            managers = [self.new("Manager", target="ptcp:6640")]
            if self.chance(0.3):
                managers.append(self.new("Manager", target="ssl:x", is_connected=True))
            row["manager_options"] = ["set", managers]
        if self.chance(0.3):
            row["ssl"] = self.new("SSL", private_key="k", certificate="c", ca_cert="a")
        if self.chance(0.4):
            policy = self.new("CT_Timeout_Policy", timeouts=["map", [["icmp_first", 1],
                                                                     ["udp_first", 2]]])
            zones = [[1, self.new("CT_Zone", timeout_policy=policy)], [3, self.new("CT_Zone")]]
            system = self.new("Datapath", ct_zones=["map", zones],
                              capabilities=["map", [["recirc", "true"], ["ufid", "true"]]])
            row["datapaths"] = ["map", [["system", system], ["netdev", self.new("Datapath")]]]
        if self.chance(0.3):
            row["ovs_version"] = "3.1.0"
        self.new("Open_vSwitch", **row)


# ---------------------------------------------------------------- values that fit a type


class Values:
    """Arguments for the columns of a schema, most of which the columns can hold."""

    ANY = ["1", "5", "7", "0", "-1", "4095", "4096", "5000", "1,2", "1-3", "1-3,2", "5-1", "[]",
           "[1]", "[1,2]", "{}", "{a=b}", "a=b", "a=b,c=d", "a", "b", "true", "false", "yes",
           "off", "active", "passive", "balance-slb", "secure", "foo", '""', '"x y"',
           '"a\\"b"', '"a', 'a"', "a b", " ", "", ",", "1,", ",1", "1,,2", "[1", "1]", "[1]x",
           "{a=b", "a=b}", "a==b", "=", "a=", "=b", "x:y", "tcp\\:x", "0x10", "1.5", "+3", "é",
           '"\\u00e9"', '"\\n"', '"\\q"', "a\\", "\\", "@x", "@", "trunk", "access", "internal",
           "99999999999999999999", "-5--3", "1 2  3", "[ 4 , 5 ] ", "{ a = b , c = d } ", "a!b",
           "a<b", "!", "\t", "\n", "OpenFlow10", "OpenFlow10,OpenFlow13", "up", "half",
           chosen_uuid(0), chosen_uuid(3), "ffffffff-ffff-ffff-ffff-ffffffffffff",
           "ffffffff-ffff-ffff-ffff-fffffffffff", "AbC", "a.b-c", "_a", "-a", "10.0.0.1",
           "a\nb", '"a\nb"', "\udcff", '"\udcff"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud800"',
           "😀", "\x7f", "\x01", '"\\u12"', "{a=[b]}", "[a=b]", "{1=2}", "[[1]]", "9223372036854775807",
           "9223372036854775808", "-9223372036854775808", "00", "1e3", "0.5", "inf", "nan", "TRUE",
           "ffffffff-ffff-ffff-ffff-ffffffffffff0", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
           "fffffffffffff-ffff-ffff-ffffffffffff", "gfffffff-ffff-ffff-ffff-ffffffffffff",
           "1-5000", "1-4096", "a=b=c", '"a=b"=c', "a=\"b,c\"", "'a'", "a'b", "$HOME", "%s%n"]
    KEYS = ["a", "b", "k", "zz", '"a"', '""', "", "a b", '"a', "hwaddr", "x:y", "1", "0", "é",
            "lacp-time", "a\\:b", "\udcff", "fake-bridge-k"]
    WORDS = ["a", "b", "x", "linux-htb", "tcp\\:1", '"x y"', "e1", '"00:00:00:00:00:01"', "k\\=v"]

    def __init__(self, rng):
        self.rng = rng

    def pick(self, choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    def junk(self):
        alphabet = string.ascii_letters + string.digits + " ,:=[]{}\"\\!<>@-_.'\té\n\udcff"
        return "".join(self.pick(alphabet) for _ in range(self.rng.randint(0, 6)))

    def any(self):
        return self.junk() if self.chance(0.1) else self.pick(self.ANY)

    def key(self):
        return self.junk() if self.chance(0.05) else self.pick(self.KEYS)

    def atom(self, base):
        if isinstance(base, str):
            base = {"type": base}
        if "enum" in base:
            return self.pick(base["enum"][1] if isinstance(base["enum"], list) else [base["enum"]])
        kind = base["type"]
        if kind == "integer":
            low, high = base.get("minInteger", -3), base.get("maxInteger", 70000)
            number = self.pick([low, high, self.rng.randint(low, min(high, low + 9))])
            return str(number) if self.chance(0.95) else str(self.pick([low - 1, high + 1]))
        if kind == "boolean":
            return self.pick(["true", "false"])
        if kind == "real":
            return self.pick(["0.5", "1e3"])
        if kind == "uuid":
            return self.pick(["@x", "@y", "@z", chosen_uuid(self.rng.randint(0, 40))])
        return self.pick(self.WORDS)

    def of(self, column):
        """For a column as the schema describes it."""
        kind = column["type"]
        if isinstance(kind, str) or "key" not in kind:
            return self.atom(kind)
        largest = kind.get("max", 1)
        count = self.rng.randint(0, 3 if largest == "unlimited" else min(largest, 3))
        if "value" in kind:
            parts = ["%s=%s" % (self.atom(kind["key"]), self.atom(kind["value"]))
                     for _ in range(count)]
        else:
            parts = [self.atom(kind["key"]) for _ in range(count)]
        text = ",".join(parts)
        brackets = "{%s}" if "value" in kind else "[%s]"
        return brackets % text if not parts or self.chance(0.3) else text


# ---------------------------------------------------------------- command lines


class Composer:
    BRIDGES = ["br0", "br1", "br2", "vbr0", "vbr1", "new", "nope", "br0", "wbr0", "BR0", ""]
    NAMES = ["p1", "p2", "p3", "p4", "p5", "p1a", "p2b", "br0", "vbr0", "new", "x/y", "100", "true",
             "", "0b", "p1", "p2", "p3", "a b", "é", "\udcff", "@x", "-", "a=b", 'q"t', "n\nl"]
    ODD_TABLES = ["port", "bridge", "interface", "br", "p", "in", "qos", "open", "o", "manager",
                  "ssl", "s", "ct", "CT-Zone", "flow-table", "bogus", "", "netflow", "autoattach",
                  "sflow", "n", "PORT", "Flow_S", "ip", "q", "flow", "dat", "\udcff", "a b"]
    RECORDS = {"Mirror": "m0", "Flow_Table": "t0", "Flow_Sample_Collector_Set": "7"}
    OPERATORS = ["=", "!=", "<", ">", "<=", ">=", "{=}", "{!=}", "{<}", "{>}", "{<=}", "{>=}",
                 "{in}", "{not-in}", "", "~", "{", "{}", "==", "{in", "=~", "<>"]
    TARGETS = ["ptcp:6640", "tcp:192.0.2.1", "ssl:x", "foo", "unix:a", "", "punix:b", "tcp:a b",
               "pssl:", "tcp:[::1]:1", "none", "ptcp:", "é", "ptcp:6640"]

    def __init__(self, rng, schema):
        self.rng = rng
        self.tables = schema["tables"]
        self.values = Values(rng)
        self.boldness = 1  # of the present line: how much of it is wrong or odd, 0 to 1

    def pick(self, choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    def some(self, make, low, high):
        return [make() for _ in range(self.rng.randint(low, high))]

    # ---- words

    def table(self):
        roll = self.rng.random() * self.boldness
        if roll < 0.5:
            return self.pick(["Port", "Bridge", "Interface"])
        if roll < 0.85:
            return self.pick(sorted(self.tables))
        return self.pick(self.ODD_TABLES)

    def columns_of(self, table):
        return self.tables.get(table, self.tables["Port"])["columns"]

    def column(self, table):
        roll = self.rng.random() / max(self.boldness, 0.01)
        if roll < 0.04:
            return self.pick(["bogus", "", "_uuid", "_version", "tag:", "x", "-uuid", "_UUID"]
                             ) or self.values.junk()
        name = self.pick(sorted(self.columns_of(table)))
        if roll < 0.12:
            name = self.pick([name.upper(), name.replace("_", "-"), name[:self.rng.randint(1, 9)],
                              name.capitalize()])
        return name

    def record(self, table):
        if self.chance(0.15 * self.boldness):
            return self.pick([".", chosen_uuid(1), chosen_uuid(2)[:10], "abc0", "abc", "ABC0",
                              chosen_uuid(4).upper(), chosen_uuid(2)[:5], "7", "07", "4294967296",
                              chosen_uuid(3) + "0", chosen_uuid(self.rng.randint(0, 40)),
                              chosen_uuid(5)[:9], "@x", chosen_uuid(6).replace("-", "")])
        if table in ("Bridge", "Controller", "NetFlow", "sFlow", "IPFIX", "AutoAttach"):
            return self.bridge()
        if table == "Open_vSwitch":
            return "."
        if table in self.RECORDS and self.chance(0.7):
            return self.RECORDS[table]
        if table not in ("Port", "Interface") and self.chance(0.6):
            return "."
        return self.name()

    def bridge(self):
        return self.pick(self.BRIDGES) if self.chance(self.boldness) else "br0"

    def name(self):
        """Of a port or interface."""
        return self.pick(self.NAMES) if self.chance(self.boldness) else self.pick(["p1", "br0"])

    def value_for(self, table, column, key=False):
        described = self.columns_of(table).get(column)
        if described is None or self.chance(0.3 * self.boldness):
            return self.values.any()
        kind = described["type"]
        if key and isinstance(kind, dict) and "value" in kind:
            return self.values.atom(kind["value"])
        return self.values.of(described)

    def is_map(self, table, column):
        kind = self.columns_of(table).get(column, {"type": ""})["type"]
        return isinstance(kind, dict) and "value" in kind

    def setting(self, table):
        column = self.column(table)
        keyed = self.chance(0.6 if self.is_map(table, column) else 0.05)
        text = column + (":" + self.values.key() if keyed else "")
        operator = "=" if not self.chance(0.07 * self.boldness) else self.pick(["==", "", "!=", " =", ":", "+="])
        return text + operator + self.value_for(table, column, keyed)

    def condition(self, table):
        column = self.column(table)
        keyed = self.chance(0.5 if self.is_map(table, column) else 0.04)
        text = column + (":" + self.values.key() if keyed else "")
        operator = "=" if self.chance(0.3) else self.pick(self.OPERATORS)
        return text + operator + self.value_for(table, column, keyed)

    # Each command is (options, [name, arguments...]).

    # ---- commands about records

    def get(self, table):
        options = ["--if-exists"] if self.chance(0.2) else []
        if self.chance(0.15):
            options.append("--id=" + self.pick(["@x", "@y", "x", ""]))
        keyed = lambda: self.column(table) + (":" + self.values.key() if self.chance(0.25) else "")
        return options, ["get", table, self.record(table)] + self.some(keyed, 0, 3)

    def change(self, table):
        options = ["--if-exists"] if self.chance(0.2) else []
        kind = self.pick(["set", "set", "set", "add", "remove", "clear"])
        column = self.column(table)
        tail = {"set": lambda: self.some(lambda: self.setting(table), 1, 3),
                "clear": lambda: self.some(lambda: self.column(table), 1, 2),
                "add": lambda: [column] + self.some(lambda: self.value_for(table, column), 1, 2),
                "remove": lambda: [column] + self.some(self.removed(table, column), 1, 2)}
        return options, [kind, table, self.record(table)] + tail[kind]()

    def removed(self, table, column):
        if self.is_map(table, column) and self.chance(0.5):
            return self.values.key
        return lambda: self.value_for(table, column)

    def listing(self, table):
        kind = self.pick(["list", "find"])
        options = ["--if-exists"] if kind == "list" and self.chance(0.2) else []
        if self.chance(0.7):
            names = self.some(lambda: self.column(table), 1, 3) + ["_uuid"] * self.rng.randint(0, 1)
            options.append("--columns=" + self.pick([",", ",", " ", ", "]).join(names))
        tail = (self.some(lambda: self.record(table), 0, 2) if kind == "list"
                else self.some(lambda: self.condition(table), 0, 2))
        return options, [kind, table] + tail

    def create(self, table):
        options = []
        if self.chance(0.7):
            options = ["--id=" + self.pick(["@x", "@y", "@z", "@x", "x", "@", chosen_uuid(900),
                                            chosen_uuid(1)])]
        return options, ["create", table] + self.some(lambda: self.setting(table), 1, 3)

    def destroy(self, table):
        options = ["--if-exists"] if self.chance(0.2) else []
        if self.chance(0.2):
            return options + ["--all"], ["destroy", table] + (["x"] if self.chance(0.2) else [])
        return options, ["destroy", table] + self.some(lambda: self.record(table), 0, 2)

    def wait_until(self, _):
        table, record, condition = self.pick([
            ("Port", "br0", "name=br0"), ("Bridge", "br0", "name=br0"), ("b", "br0", "stp=false"),
            ("Bridge", "br0", "stp_enable=x"), ("Port", "br0", "bogus=1"), ("bogus", "x", "y=1"),
            ("Bridge", "br0", "ports{>=}[]"), ("Port", "br0", "name{in}br0,br1")])
        return [], ["wait-until", table, record] + [condition] * self.rng.randint(0, 2)

    def record_command(self):
        make = self.pick([self.get, self.get, self.change, self.change, self.change, self.change,
                          self.listing, self.listing, self.create, self.destroy, self.wait_until])
        return make(self.table())

    # ---- commands about bridges and ports

    def may(self):
        return ["--may-exist"] if self.chance(0.4) else []

    def if_exists(self):
        return ["--if-exists"] if self.chance(0.3) else []

    def vlan(self):
        return self.pick(["0", "5", "7", "9", "4096", "x", "-1", "7x", "", "+8", " 9", "4095"])

    def port_settings(self):
        return self.some(lambda: self.setting("Port"), 0, 2)

    def bridge_command(self):
        bridge, name = self.bridge(), self.name()
        known = lambda: bridge if self.chance(0.5) else "br0"
        makers = [
            lambda: (self.may(), ["add-br", self.pick(self.BRIDGES + self.NAMES)]
                     + ([bridge, self.vlan()] if self.chance(0.4) else [])
                     + (["x"] if self.chance(0.03) else [])),
            lambda: (self.if_exists(), ["del-br", bridge]),
            lambda: (self.pick([[], [], ["--real"], ["--fake"], ["--real", "--fake"]]), ["list-br"]),
            lambda: ([], ["br-exists", known()]),
            lambda: ([], ["br-to-vlan", bridge]),
            lambda: ([], ["br-to-parent", bridge]),
            lambda: ([], ["br-set-external-id", known(), self.values.key()]
                     + self.some(self.values.any, 0, 1)),
            lambda: ([], ["br-get-external-id", known()] + self.some(self.values.key, 0, 1)),
            lambda: ([], ["list-ports", known()]),
            lambda: ([], ["list-ifaces", known()]),
            lambda: (self.may(), ["add-port", known(), name] + self.port_settings()),
            lambda: (self.may(), ["add-port", known(), self.pick(["n1", "n2", "n3"])]
                     + self.port_settings()),
            lambda: (self.may() + (["--fake-iface"] if self.chance(0.2) else []),
                     ["add-bond", known(), self.pick(self.NAMES + ["n1", "n2"])]
                     + self.some(lambda: self.pick(self.NAMES + ["e1", "e2", "e3", "p1a", "p1b"]),
                                 1, 3) + self.port_settings()),
            lambda: (self.if_exists() + (["--with-iface"] if self.chance(0.3) else []),
                     ["del-port"] + ([bridge] if self.chance(0.5) else [])
                     + [self.pick(self.NAMES)]),
            lambda: ([], ["port-to-br", name]),
            lambda: ([], ["iface-to-br", name]),
            lambda: (self.may(), ["add-bond-iface", self.pick(self.NAMES), name]),
            lambda: (self.if_exists(), ["del-bond-iface"]
                     + ([self.pick(self.NAMES)] if self.chance(0.5) else [])
                     + [self.pick(["p1a", "p1b", "p2a", "p3b", name])]),
        ]
        return self.pick(makers)()

    # ---- all others

    def number(self):
        return self.pick(["1", "2", "100", "x", "", "-1", "4096", "7x", "16777216", "0x1", " 1"])

    def probe(self):
        if not self.chance(0.3):
            return []
        return ["--inactivity-probe=" + self.pick(["5", "x", "-1", "", "99999999999999999999"])]

    def zone(self):  # where there is no number, the original takes any that is in its memory
        return self.pick(["zone=1", "zone=3", "zone=9", "zone=65535", "zone=7x", "zone=0"])

    def timeouts(self):
        return self.some(lambda: self.pick(["icmp_first=1", "udp_first=2", "tcp_close=", "x=1", "",
                                            "icmp_first=x", "udp_single=4294967296", "tcp_unack"]),
                         0, 2)

    def other_command(self):
        bridge = self.bridge()
        target = lambda: self.pick(self.TARGETS)
        datapath = lambda: self.pick(["system", "system", "netdev", "x", ""])
        makers = [
            lambda: ([], ["show"]), lambda: ([], ["show"]), lambda: ([], ["init"]),
            lambda: ([], ["emer-reset"]),
            lambda: ([], ["comment"] + self.some(self.values.any, 0, 2)),
            lambda: ([], ["get-controller", bridge]), lambda: ([], ["del-controller", bridge]),
            lambda: (self.probe(), ["set-controller", bridge] + self.some(target, 0, 2)),
            lambda: ([], ["get-fail-mode", bridge]), lambda: ([], ["del-fail-mode", bridge]),
            lambda: ([], ["set-fail-mode", bridge,
                          self.pick(["secure", "standalone", "", "sec"])]),
            lambda: ([], ["get-manager"]), lambda: ([], ["del-manager"]),
            lambda: (self.probe(), ["set-manager"] + self.some(target, 0, 3)),
            lambda: ([], ["get-ssl"]), lambda: ([], ["del-ssl"]),
            lambda: (["--bootstrap"] if self.chance(0.5) else [],
                     ["set-ssl"] + self.some(self.values.any, 3, 3)),
            lambda: ([], ["add-aa-mapping", bridge, self.number(), self.number()]),
            lambda: ([], ["del-aa-mapping", bridge, self.number(), self.number()]),
            lambda: ([], ["get-aa-mapping", bridge]),
            lambda: ([], ["list-dp-cap", datapath()]),
            lambda: ([], ["list-zone-tp", datapath()]),
            lambda: (self.may(), ["add-zone-tp", datapath(), self.zone()] + self.timeouts()),
            lambda: (self.if_exists(), ["del-zone-tp", datapath(), self.zone()]),
            lambda: ([], ["show"]) if not self.chance(self.boldness) else ([], [self.pick(["frob", "", "add", "list-br", "get", "SHOW", "sho", "é"])]
                     + self.some(self.values.any, 0, 2)),
        ]
        return self.pick(makers)()

    def command(self):
        make = self.pick([self.record_command] * 9 + [self.bridge_command] * 8
                         + [self.other_command] * 4)
        options, words = make()
        if self.chance(0.03 * self.boldness):
            options = options + [self.pick(["--bogus", "--if-exists", "--may-exist=1", "--id",
                                            "--columns", "--real", "-x", "--id=", "--=", "-",
                                            "--columns=,", "--may-exist", "--format=csv"])]
        if self.chance(0.02 * self.boldness):
            words = words[:self.rng.randint(1, len(words))]
        if self.chance(0.02 * self.boldness):
            words = words + [self.pick(["x", "--real", "-", "--", "--may-exist"])]
        return options, words

    # ---- several commands that belong together

    def story(self):
        """Commands that refer to each other's rows."""
        port = self.pick(["n1", "n2", "p1"])
        stories = [
            [(["--id=@i"], ["create", "Interface", "name=" + port]),
             (["--id=@p"], ["create", "Port", "name=" + port, "interfaces=@i"]),
             ([], ["add", "Bridge", self.pick(self.BRIDGES), "ports", "@p"])],
            [(["--id=@m"], ["create", "Mirror", "name=m1", "select_all=true"]),
             ([], ["set", "Bridge", "br0", "mirrors=@m"]),
             (["--id=@p"], ["get", "Port", self.pick(self.NAMES)]),
             ([], ["set", "Mirror", self.pick(["m1", "@m", "m0"]), "output_port=@p"])],
            [([], ["set", "Port", self.pick(self.NAMES), "qos=@q"]),
             (["--id=@q"], ["create", "QoS", "type=linux-htb", "queues=0=@a,1=@b"]),
             (["--id=@a"], ["create", "Queue", "other_config:max-rate=1"]),
             (["--id=@b"], ["create", "Queue", "dscp=3"])],
            [(["--id=@n"], ["create", "NetFlow", 'targets="192.0.2.1:1"']),
             ([], ["set", "Bridge", "br0", "netflow=@n"])],
            [(self.may(), ["add-br", "new"]), (self.may(), ["add-port", "new", port]),
             ([], ["set", "Interface", port, "type=patch", "options:peer=" + port]),
             ([], ["list-ports", "new"])],
            [(self.if_exists(), ["del-port", port]), (self.may(), ["add-port", "br0", port, "tag=7"]),
             ([], ["port-to-br", port]), ([], ["get", "Port", port, "tag"])],
            [(self.if_exists(), ["del-br", "br0"]), (self.may(), ["add-br", "br0"]),
             ([], ["list-br"]), ([], ["list-ports", "br0"])],
            [([], ["add-br", "vnew", self.pick(["br0", "br1", "vbr0"]), self.vlan()]),
             ([], ["add-port", "vnew", "n1"]), ([], ["list-ports", "br0"]),
             ([], ["br-to-vlan", "vnew"]), ([], ["del-br", self.pick(["vnew", "br0"])])],
            [([], ["emer-reset"]), ([], ["get-controller", "br0"]), ([], ["show"])],
            [([], ["set", "Port", "p1", "tag=7"]), ([], ["port-to-br", "p1"]),
             ([], ["list-ports", "vbr0"]), ([], ["clear", "Port", "p1", "tag"])],
        ]
        commands = self.pick(stories)
        if self.chance(0.3):
            self.rng.shuffle(commands)
        if self.chance(0.3):
            commands = commands[:self.rng.randint(1, len(commands))]
        return commands

    # ---- global options

    def globals(self):
        words = []
        if self.chance(0.2):
            words += self.pick([["-f", "table"], ["--format=csv"], ["-f", "json"], ["-f", "html"],
                                ["-f", "list"], ["--format=json", "--pretty"], ["-f", "x"],
                                ["--form", "table"], ["-ftable"], ["-f", ""], ["--format="],
                                ["-f", "html", "-d", "json"], ["-f", "table", "--no-head"]])
        if self.chance(0.15):
            words += self.pick([["-d", "json"], ["--data=bare"], ["-d", "string"], ["--bare"],
                                ["--no-headings"], ["--max-column-width=5"], ["-d", "x"],
                                ["--data", "bare"], ["--max-column-width=x"], ["--pretty"],
                                ["--max-column-width=0"], ["--bare", "-f", "table"]])
        if self.chance(0.12):
            words.append(self.pick(["--oneline", "--oneline", "--dry-run", "--retry"]))
        if self.chance(0.06 * self.boldness):
            words += self.pick([["--bogus"], ["-z"], ["--no"], ["-t", "0"], ["--timeout=x"], ["-t"],
                                ["-t", "20"], ["--timeout=20"], ["-V"], ["--version"], ["--vers"],
                                ["--oneline=x"], ["--no-syslog"], ["-vfoo"], ["-vsyslog:dbg"],
                                ["--verbose=vsctl:console:off"], ["-vPATTERN:console:%m"],
                                ["--db=foo"], ["--db", "unix:/nonexistent/db.sock"], ["--db="],
                                ["--leader-only"], ["--no-leader-only", "--shuffle-remotes"],
                                ["-p", "k", "-c", "c", "-C", "a"], ["--commands"], ["--options"],
                                ["--db=tcp:127.0.0.1:1"], ["--dry"], ["-vconsole:off"],
                                ["-vconsole:dbg:x"], ["--ssl-protocols=TLSv1.2"], ["-tx"], ["-t", "-1"],
                                ["--db=unix:/nonexistent/a,unix:/nonexistent/a"], ["--", "--"]])
        return words

    def abbreviated(self, option):
        """The options of the first command stand among the global ones, where getopt reads them."""
        name, equals, value = option.partition("=")
        if self.chance(0.1):
            name = name[:self.rng.randint(3, max(3, len(name)))]
        if equals and self.chance(0.15):
            return [name, value]
        return [name + equals + value]

    def waits_forever(self, words):
        """Whether the daemon, which is not there, would have to do something."""
        text = " ".join(words)
        return any(w in text for w in ("--dry", "cfg", "destroy", "cur", "next"))

    def line(self):
        self.boldness = self.pick([0, 0.1, 0.5, 1])
        commands = self.story() if self.chance(0.12) else [
            self.command() for _ in range(self.pick([1, 1, 1, 1, 2, 2, 3, 4]))]
        words = self.globals()
        for i, (options, command) in enumerate(commands):
            if i > 0 or self.chance(0.5):
                words.append("--")
                words += options
            else:
                for option in options:
                    words += self.abbreviated(option)
            words += command
        if self.chance(0.02):
            words.append("--")
        if "wait-until" in words:
            words[:0] = ["-t", "3"]
        if self.waits_forever(words) or self.chance(0.6):
            words.insert(0, "--no-wait")
        return [word.replace("\0", "") for word in words]
