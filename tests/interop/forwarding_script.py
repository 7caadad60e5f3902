"""Random bridges and what happens to them: one script from one seed, the same steps for both
switches.  Steps do not depend on what the switches answer."""

import random
import uuid

from forwarding_frames import STATIONS, VLANS, numbered, random_frame

MODES = ["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]


class Step:
    """`act(side)` does it to one switch and answers what is to be compared."""

    def __init__(self, text, act, frame=None):
        self.text, self.act, self.frame = text, act, frame


class Port:
    def __init__(self, name, bridge, kind, interfaces):
        self.name, self.bridge, self.kind, self.interfaces = name, bridge, kind, interfaces
        self.columns = {}
        self.operations = []  # that insert it


def string_map(strings):
    return ["map", sorted([key, value] for key, value in strings.items())]


def integers(numbers):
    return ["set", sorted(set(numbers))]


class Script:
    def __init__(self, seed, length):
        self.random, self.seed, self.length = random.Random(seed), seed, length
        self.bridges, self.ports, self.mirrors = [], [], {}
        self.away = []  # (bridge, name) of ports that were taken away
        self.numbers = {}
        self.frames = 0
        self.received = []  # interfaces and the last frames from them, without their numbers
        self.elapsed = 0
        self.copies_to_vlan = False  # a mirror floods its copies
        self.with_static = set()  # bridges that have been given static entries

    def steps(self):
        yield from self.build()
        yield from self.settle_bonds()
        for n in range(self.length):
            yield self.choose()
            if n % 16 == 15:
                yield self.look()
        yield self.look()
        yield self.warp(6000)
        yield Step("statistics", lambda side: side.statistics(self.bond_of_members()))

    def bond_of_members(self):
        return {interface: port.name for port in self.ports for interface in port.interfaces
                if port.kind == "bond"}

    # ---- configuration

    def build(self):
        """Ports and mirrors one after the other: which comes first of those in one transaction is
        chance for the reference, and it floods and mirrors in this order."""
        operations, mirrors = [], []
        switch_keys = {}
        if self.random.random() < 0.6:
            switch_keys["vlan-limit"] = self.random.choice(("0", "2", "1"))
        operations.append({"op": "update", "table": "Open_vSwitch", "where": [],
                           "row": {"other_config": string_map(switch_keys)}})
        for n in range(self.random.choice((1, 1, 2, 3))):
            operations += self.add_bridge(f"br{n}")
        for n in range(1, len(self.bridges)):
            self.add_patch(self.random.randrange(n), n)
        operations.append({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [
            ["bridges", "insert", ["set", [["named-uuid", name] for name in self.bridges]]]]})
        for name in self.bridges:
            mirrors += self.add_mirrors(name)
            operations += self.insert_bridge(name)
        yield self.config("bridges", operations)
        for port in self.ports:
            if port.kind != "local":
                yield self.config(f"port {port.name}", [
                    *port.operations, self.insert_in(port.bridge, "ports", [port.name + "_port"])])
        for mirror in mirrors:
            yield self.config(f"mirror {mirror[0]['uuid-name']}", mirror)

    @staticmethod
    def insert_in(bridge, column, names):
        return {"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]], "mutations": [
            [column, "insert", ["set", [["named-uuid", name] for name in names]]]]}

    def config(self, text, operations):
        shown = [{k: v for k, v in o.items() if k not in ("op", "uuid", "where")}
                 for o in operations]
        return Step(f"{text} {shown}", lambda side: side.apply(operations))

    def bridge_keys(self):
        keys = {}
        choose = self.random.choice
        if self.random.random() < 0.2:
            keys["forward-bpdu"] = choose(("true", "TRUE", "false", "1"))
        if self.random.random() < 0.3:
            keys["mac-aging-time"] = choose(("15", "20", "1", "0", "4000", "x"))
        if self.random.random() < 0.2:
            # Not so small that it fills: which of two that were heard of in the same second goes
            # first is chance.
            keys["mac-table-size"] = choose(("100", "1000000", "0", "x"))
        return keys

    def bridge_columns(self, name):
        keys = {**self.bridge_keys(), "hwaddr": f"02:00:00:00:00:{self.bridges.index(name):02x}"}
        columns = {"other_config": string_map(keys)}
        flooded = self.random.sample(VLANS, 1) if self.random.random() < 0.15 else []
        columns["flood_vlans"] = integers(flooded)
        columns["fail_mode"] = "secure" if self.random.random() < 0.02 else ["set", []]
        return columns

    def add_bridge(self, name):
        self.bridges.append(name)
        self.numbers[name] = 0
        local = self.add_port(name, "local", name)
        for n in range(self.random.choice((2, 3, 4, 5))):
            self.add_port(name, "plain", f"{name}p{n}")
        if self.random.random() < 0.35:
            self.add_port(name, "bond", f"{name}bond")
        return local

    def insert_bridge(self, name):
        return [{"op": "insert", "table": "Bridge", "uuid-name": name,
                 "row": {"name": name, "datapath_type": "dummy",
                         "ports": ["named-uuid", name + "_port"], **self.bridge_columns(name)}}]

    def add_mirrors(self, bridge):
        """Mirrors whose copies leave through plain ports, or flood a VLAN."""
        self.mirrors[bridge] = []
        mirrors = []
        for n in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            self.mirrors[bridge].append(f"{bridge}mirror{n}")
            mirrors.append([
                {"op": "insert", "table": "Mirror", "uuid-name": f"{bridge}mirror{n}",
                 "row": {"name": f"{bridge}mirror{n}", **self.mirror_row(bridge)}},
                self.insert_in(bridge, "mirrors", [f"{bridge}mirror{n}"])])
        return mirrors

    def mirror_row(self, bridge):
        choose = self.random.choice
        ports = [p.name for p in self.ports if p.bridge == bridge]

        def some():
            return ["set", [["uuid", self.port_uuid(name)] for name in
                            self.random.sample(ports, choose((0, 1, 1, 2)))]]
        row = {"select_all": self.random.random() < 0.3,
               "select_src_port": some(), "select_dst_port": some(),
               "select_vlan": integers(choose(([], [], [10], [0], [10, 20])))}
        plain = [p.name for p in self.ports if p.bridge == bridge and p.kind == "plain"]
        if self.random.random() < 0.7:
            row["output_port"] = ["uuid", self.port_uuid(choose(plain))]
        # Of two such mirrors each takes the other's copies, over patches again and again: the
        # reference until it tires, ours once.
        if self.random.random() < 0.35 and not self.copies_to_vlan:
            self.copies_to_vlan = True
            row["output_vlan"] = choose((10, 30, 40))
        if self.random.random() < 0.2:
            row["snaplen"] = choose((14, 64, 65535))
        return row

    def add_patch(self, near, far):
        near, far = self.bridges[near], self.bridges[far]
        ends = [f"{near}to{far}", f"{far}to{near}"]
        self.add_port(near, "patch", ends[0], ends[1])
        self.add_port(far, "patch", ends[1], ends[0])

    def vlan_columns(self):
        choose, columns = self.random.choice, {}
        mode = choose((None, None, None, *MODES, *MODES))
        columns["vlan_mode"] = mode or ["set", []]
        wants_tag = self.random.random() < (0.4 if mode in (None, "trunk") else 0.9)
        columns["tag"] = choose(VLANS) if wants_tag else ["set", []]
        some = self.random.sample(VLANS, choose((1, 2, 3)))
        columns["trunks"] = integers(some if self.random.random() < 0.4 else [])
        some = self.random.sample(VLANS, choose((1, 2, 3)))
        columns["cvlans"] = integers(some if self.random.random() < 0.4 else [])
        columns["protected"] = self.random.random() < 0.15
        return columns

    def port_keys(self, port):
        keys, choose = {}, self.random.choice
        if self.random.random() < 0.3:
            keys["priority-tags"] = choose(("true", "if-nonzero", "always", "never", "x"))
        if self.random.random() < 0.3:
            keys["qinq-ethtype"] = choose(("802.1q", "802.1ad", "x"))
        if port.kind == "bond":
            keys["bond-primary"] = port.interfaces[0]
            keys["bond-rebalance-interval"] = "0"
            keys["all-members-active"] = choose(("true", "false"))
        return keys

    def port_columns(self, port):
        columns = {"other_config": string_map(self.port_keys(port))}
        if port.kind != "plain" or self.random.random() < 0.9:
            if self.random.random() < (0.2 if port.kind in ("local", "patch") else 0.75):
                columns.update(self.vlan_columns())
        if port.kind == "bond":
            columns["bond_mode"] = self.random.choice(
                ("active-backup", "active-backup", "balance-slb", "balance-slb", "balance-tcp"))
        port.columns = columns
        return columns

    def add_port(self, bridge, kind, name, peer=None):
        count = self.random.choice((2, 3)) if kind == "bond" else 1
        interfaces = [f"{name}m{i}" for i in range(count)] if kind == "bond" else [name]
        port = Port(name, bridge, kind, interfaces)
        self.ports.append(port)
        operations = [self.insert_interface(port, interface, peer) for interface in interfaces]
        members = ["set", [["named-uuid", i + "_if"] for i in interfaces]]
        port.operations = operations + [
            {"op": "insert", "table": "Port", "uuid-name": name + "_port",
             "uuid": self.port_uuid(name),
             "row": {"name": name, "interfaces": members, **self.port_columns(port)}}]
        return port.operations

    def port_uuid(self, name):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name} {self.seed}"))

    def insert_interface(self, port, interface, peer):
        row = {"name": interface, "type": {"local": "internal", "patch": "patch"}.get(
            port.kind, "dummy")}
        if peer:
            row["options"] = string_map({"peer": peer})
        if port.kind != "local":
            self.numbers[port.bridge] += 1
            row["ofport_request"] = self.numbers[port.bridge]
        return {"op": "insert", "table": "Interface", "uuid-name": interface + "_if",
                "uuid": self.uuid(interface), "row": row}

    def uuid(self, interface):
        """Members of a bond in the order of their names: the reference takes them by identifier."""
        identifier = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        return (interface[-1] if interface[-2] == "m" else "f") + identifier[1:]

    def settle_bonds(self):
        """Which member is active would be chance."""
        for port in self.ports:
            if port.kind == "bond" and port.columns["bond_mode"] != "active-backup":
                yield self.set_active(port.name, port.interfaces[0])

    @staticmethod
    def set_active(port, member):
        def act(side):
            side.command("bond/set-active-member", port, member)
            return ""  # whether it was active already is chance
        return Step(f"bond/set-active-member {port} {member}", act)

    # ---- events

    def choose(self):
        actions = [(30, self.receive), (3, self.warp), (1.5, self.fdb_command), (1.5, self.set_link),
                   (0.6, self.change_port), (0.3, self.change_bridge), (0.3, self.replace_port),
                   (0.5, self.change_mirror), (0.6, self.take_away), (1.5, self.bring_back)]
        weights, functions = zip(*actions)
        return self.random.choices(functions, weights)[0]()

    def receive(self):
        """A new frame, or one with the headers of another, for which an answer may be at hand."""
        self.frames += 1
        interfaces = [i for port in self.ports for i in port.interfaces if port.kind != "patch"]
        known = [each for each in self.received if each[0] in interfaces]
        if known and self.random.random() < 0.4:
            interface, frame = self.random.choice(known)
        else:
            interface, frame = self.random.choice(interfaces), random_frame(self.random, VLANS)
            self.received = [*self.received[-7:], (interface, frame)]
        frame = numbered(frame, self.frames)
        return Step(f"receive {interface} {frame.hex()}",
                    lambda side: side.receive(interface, frame), frame)

    def command(self, *words):
        return Step(" ".join(words), lambda side: side.command(*words))

    def warp(self, span=None):
        span = span or 1000 * self.random.choice((1, 1, 3, 5, 6, 15, 20, 61))
        self.elapsed += span
        return self.command("time/warp", str(span))

    def look(self):
        return Step("look", lambda side: side.look())

    def fdb_command(self):
        choose = self.random.choice
        bridge = choose(self.bridges)
        mac, vlan = choose(STATIONS), str(choose(VLANS))
        interface = choose([i for p in self.ports if p.bridge == bridge for i in p.interfaces])
        return choose((
            lambda: self.add_static(bridge, interface, vlan, mac),
            lambda: self.command("fdb/del", bridge, vlan, mac),
            lambda: self.command("fdb/flush", bridge),
            lambda: self.command("fdb/stats-clear", bridge)))()

    def add_static(self, bridge, interface, vlan, mac):
        self.with_static.add(bridge)
        return self.command("fdb/add", bridge, interface, vlan, mac)

    def set_link(self):
        """Of a bond's member; not of the active one of three: which of the others follows is
        chance."""
        bonds = [port.interfaces for port in self.ports if port.kind == "bond"]
        members = [i for bond in bonds for i in bond[len(bond) - 2:]]
        if not members:
            return self.receive()
        return self.command("netdev-dummy/set-admin-state", self.random.choice(members),
                            self.random.choice(("up", "down")))

    def change_port(self):
        port = self.random.choice(self.ports)
        column, value = self.random.choice(sorted(self.vlan_columns().items()))
        if self.random.random() < 0.25:
            column, value = "other_config", string_map(self.port_keys(port))
        return self.config(f"set port {port.name}", [
            {"op": "update", "table": "Port", "where": [["name", "==", port.name]],
             "row": {column: value}}])

    def change_bridge(self):
        """Not of one with static entries: the reference forgets that they are static when
        mac-aging-time changes."""
        name = self.random.choice(self.bridges)
        if name in self.with_static:
            return self.receive()
        return self.config(f"set bridge {name}", [
            {"op": "update", "table": "Bridge", "where": [["name", "==", name]],
             "row": self.bridge_columns(name)}])

    def change_mirror(self):
        """Also which ports it is about: it may have lost them."""
        bridges = [bridge for bridge, mirrors in self.mirrors.items() if mirrors]
        if not bridges:
            return self.receive()
        bridge = self.random.choice(bridges)
        column, value = self.random.choice((
            ("select_all", False), ("select_vlan", integers([10])),
            ("select_vlan", integers([])), ("snaplen", 30),
            ("select_src_port", self.some_port(bridge)), ("select_dst_port", self.some_port(bridge)),
            ("output_port", self.some_port(bridge, ("plain",))),
            ("output_port", self.some_port(bridge, ("plain",)))))
        return self.config("set mirror", [
            self.set_mirror(self.random.choice(self.mirrors[bridge]), column, value)])

    @staticmethod
    def set_mirror(name, column, value):
        return {"op": "update", "table": "Mirror", "where": [["name", "==", name]],
                "row": {column: value}}

    def some_port(self, bridge, kinds=("plain", "bond", "local", "patch")):
        """One, seldom none."""
        names = [p.name for p in self.ports if p.bridge == bridge and p.kind in kinds]
        if not names or self.random.random() < 0.2:
            return ["set", []]
        return ["uuid", self.port_uuid(self.random.choice(names))]

    def pop_plain(self):
        """A plain port that leaves the bridges; None if there is none."""
        plain = [port for port in self.ports if port.kind == "plain"]
        if not plain:
            return None
        port = self.random.choice(plain)
        self.ports.remove(port)
        return port

    def take_away(self):
        """A plain port; mirrors that are about it lose it."""
        port = self.pop_plain()
        if port is None:
            return self.receive()
        self.away.append((port.bridge, port.name))
        return self.config(f"take {port.name} away", [
            {"op": "mutate", "table": "Bridge", "where": [["name", "==", port.bridge]],
             "mutations": [["ports", "delete", ["uuid", self.port_uuid(port.name)]]]}])

    def bring_back(self):
        """A port that was taken away, and mostly a mirror that is about it again."""
        if not self.away:
            return self.receive()
        bridge, name = self.away.pop(self.random.randrange(len(self.away)))
        operations = [*self.add_port(bridge, "plain", name),
                      self.insert_in(bridge, "ports", [name + "_port"])]
        if self.mirrors[bridge] and self.random.random() < 0.8:
            column = self.random.choice(("output_port", "output_port", "select_src_port",
                                         "select_dst_port"))
            operations.append(self.set_mirror(self.random.choice(self.mirrors[bridge]), column,
                                              ["named-uuid", name + "_port"]))
        return self.config(f"bring {name} back", operations)

    def replace_port(self):
        """Another port in place of a plain one."""
        old = self.pop_plain()
        if old is None:
            return self.receive()
        operations = [{"op": "delete", "table": "Interface", "where": [["name", "==", i]]}
                      for i in old.interfaces]
        new = self.add_port(old.bridge, "plain", f"{old.bridge}p{self.numbers[old.bridge]}n")
        return Step(f"replace {old.name} {new}", lambda side: side.replace_port(
            old.bridge, old.name, new, self.ports_named(new)))

    @staticmethod
    def ports_named(operations):
        return [o["uuid-name"] for o in operations if o["table"] == "Port"]
