"""Random scripts: what is configured, received and commanded, step by step, from one seed."""

import random
import uuid

from frames import ethernet, lacpdu, mac_text, marker

BRIDGE_MAC = "02:00:00:00:00:{:02x}"
VALUES = {
    "bond_updelay": [0, 0, 300, 1000, -5],
    "bond_downdelay": [0, 0, 300, 1000, -5],
    "bond_fake_iface": [True, False],
    "bond-hash-basis": ["0", "7", "-1", "x"],
    "bond-rebalance-interval": ["0", "10000", "500", "-1", "garbage", "20000"],
    "bond-detect-mode": ["carrier", "zzz", "miimon"],
    "bond-miimon-interval": ["100", "0", "x"],
    "bond-primary": ["MEMBER", "MEMBER", "nosuch"],
    "all-members-active": ["true", "false", "TRUE"],
    "lb-output-action": ["true", "false"],
    "lacp-fallback-ab": ["true", "TRUE", "false", "1"],
    "lacp-time": ["fast", "FAST", "slow", "1"],
    "lacp-system-id": ["02:aa:00:00:00:01", "02:aa:00:00:00:02", "2:0:0:0:0:9", "x",
                       "00:00:00:00:00:00"],
    "lacp-system-priority": ["1", "1000", "65535", "0", "65536", "-3", "x", "5x"],
    "unknown-key": ["1"],
}
INTERFACE_VALUES = {
    "lacp-port-id": ["1", "77", "65535", "0", "70000", "x"],
    "lacp-port-priority": ["1", "100", "65535", "0", "x"],
    "lacp-aggregation-key": ["5", "9", "0", "65535", "65536", "x"],
}


class Step:
    """Something done to both switches; perform() answers what the switch said."""

    def __init__(self, text, act, warped=0):
        self.text, self.act, self.warped = text, act, warped  # milliseconds
        self.settles_later = False  # compare after the next step
        self.subject = None         # the bond or bridge that a command is about
        self.interface, self.lacpdu = None, None  # what arrives where

    def __str__(self):
        return self.text

    def perform(self, recorder):
        return self.act(recorder)


class Interface:
    def __init__(self, name, ofport, kind="dummy", peer=None):
        self.name, self.ofport, self.kind, self.peer = name, ofport, kind, peer


class Port:
    def __init__(self, name, bridge, interfaces):
        self.name, self.bridge, self.interfaces = name, bridge, interfaces
        self.lacp, self.mode = None, None

    def is_bond(self):
        return len(self.interfaces) > 1


class Script:
    """Scripts with an even seed are about data frames, the others about LACP: which of a balancing
    bond's members carries a frame is chance, so the frames of the first never cross a second bond."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.about_data = seed % 2 == 0
        self.ports, self.bridges = {}, {}
        self.incarnation = 0
        self.elapsed = 0  # milliseconds since the script began, at a whole second
        self.next_number = {}

    # ---- the script

    def steps(self, length, recorder):
        """`recorder` tells what the reference has sent, which foreign partners answer."""
        self.recorder = recorder
        yield from self.build()
        for _ in range(length):
            yield from self.choose()

    def build(self):
        for bridge in ("br0", "br1")[:self.random.choice((1, 2))]:
            yield self.add_bridge(bridge)
        for bridge in list(self.bridges):
            for n in range(self.random.choice((1, 2))):
                yield self.add_port(bridge, f"{bridge}bond{n}", self.random.choice((2, 2, 3, 4)))
            for n in range(self.random.choice((1, 2))):
                yield self.add_port(bridge, f"{bridge}p{n}", 1)
        if len(self.bridges) == 2:
            yield from self.add_patches(1 if self.about_data else self.random.choice((2, 3)))

    def whole_second(self):
        """A step to it, if time stands between two."""
        if self.elapsed % 1000:
            yield self.warp(1000 - self.elapsed % 1000)

    def choose(self):
        actions = [(6, self.change_port), (2, self.change_interface), (4, self.set_admin_state),
                   (5, self.warp), (4, self.bond_command), (1, self.replace_port),
                   (1, self.change_members), (1, self.fdb_command)]
        if self.about_data:
            actions += [(16, self.receive_data), (1, self.change_bridge), (1, self.change_vlan)]
        else:
            actions += [(14, self.receive_lacpdu), (2, self.receive_bad)]
        weights, functions = zip(*actions)
        function = self.random.choices(functions, weights)[0]
        if function == self.receive_data:
            yield from self.whole_second()
        step = function()
        if step is not None:
            yield step
            if not self.about_data:
                yield self.warp(1100, [100, 300, 300, 400])

    # ---- configuration

    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def config(self, text, operations):
        """`operations(directory)` is the transaction; traces are written to that directory."""
        return Step(text, lambda recorder: recorder.apply(operations))

    def interface_row(self, interface):
        """An insertion, whose trace goes where the recorder wants it.  The reference takes members
        in the order of their rows' identifiers, ours in that of their names: make them agree."""
        self.incarnation += 1
        trace = f"{interface.name}.{self.incarnation}.pcap"
        identifier, type_name = self.uuid(), interface.kind
        if interface.name[-2] == "m":
            identifier = interface.name[-1] + identifier[1:]

        def row(recorder):
            options = [["tx_pcap", recorder.trace(interface.name, trace)]]
            if type_name == "patch":
                options = [["peer", interface.peer]]
            columns = {"name": interface.name, "type": type_name, "options": ["map", options]}
            if interface.ofport:
                columns["ofport_request"] = interface.ofport
            return {"op": "insert", "table": "Interface", "uuid-name": interface.name,
                    "uuid": identifier, "row": columns}
        return row

    def add_bridge(self, name):
        self.bridges[name] = BRIDGE_MAC.format(len(self.bridges))
        self.next_number[name] = 0
        other = ["map", [["hwaddr", self.bridges[name]]]]
        interface = self.interface_row(Interface(name, None, "internal"))
        port, bridge = self.uuid(), self.uuid()
        return self.config(f"add-br {name}", lambda recorder: [
            interface(recorder),
            {"op": "insert", "table": "Port", "uuid-name": "port", "uuid": port,
             "row": {"name": name, "interfaces": ["named-uuid", name]}},
            {"op": "insert", "table": "Bridge", "uuid-name": "bridge", "uuid": bridge,
             "row": {"name": name, "datapath_type": "dummy", "other_config": other,
                     "ports": ["named-uuid", "port"]}},
            {"op": "mutate", "table": "Open_vSwitch", "where": [],
             "mutations": [["bridges", "insert", ["named-uuid", "bridge"]]]}])

    def number(self, bridge):
        self.next_number[bridge] += 1
        return self.next_number[bridge]

    def add_port(self, bridge, name, members, kind="dummy", peers=None):
        names = [f"{name}m{i}" for i in range(members)] if members > 1 or kind == "patch" else [name]
        interfaces = [Interface(n, self.number(bridge), kind, peers[i] if peers else None)
                      for i, n in enumerate(names)]
        port = self.ports[name] = Port(name, bridge, interfaces)
        columns = {}
        if members > 1 and self.random.random() < 0.8:
            port.mode = columns["bond_mode"] = self.random.choice(
                ("active-backup", "balance-slb", "balance-tcp"))
        if self.random.random() < (0.3 if self.about_data else 0.9):
            # Two passive ends fall silent, or not: deviation 7.
            port.lacp = columns["lacp"] = self.random.choice(("active", "active", "passive"))
            if peers:
                port.lacp = columns["lacp"] = "active"
        other = {}
        for key in ("lacp-time", "bond-primary", "lacp-fallback-ab", "all-members-active"):
            if self.random.random() < 0.3:
                other[key] = self.value(port, key)
        columns["other_config"] = ["map", sorted(map(list, other.items()))]
        return self.insert_port(port, columns)

    def insert_port(self, port, columns):
        rows = [self.interface_row(interface) for interface in port.interfaces]
        identifier = self.uuid()
        members = ["set", [["named-uuid", i.name] for i in port.interfaces]]
        text = f"add-port {port.bridge} {port.name} {[i.name for i in port.interfaces]} {columns}"
        return self.config(text, lambda recorder: [
            *[row(recorder) for row in rows],
            {"op": "insert", "table": "Port", "uuid-name": "port", "uuid": identifier,
             "row": {"name": port.name, "interfaces": members, **columns}},
            {"op": "mutate", "table": "Bridge", "where": [["name", "==", port.bridge]],
             "mutations": [["ports", "insert", ["named-uuid", "port"]]]}])

    def add_patches(self, members):
        near, far = [f"patch{end}m{{}}" for end in (0, 1)]
        for bridge, name, peer in (("br0", "patch0", far), ("br1", "patch1", near)):
            peers = [peer.format(i) for i in range(members)]
            yield self.add_port(bridge, name, members, "patch", peers)

    def value(self, port, key):
        value = self.random.choice(VALUES[key])
        return self.random.choice(port.interfaces).name if value == "MEMBER" else value

    def any_port(self, bonds=False):
        chosen = [p for p in self.ports.values() if p.is_bond() or not bonds]
        return self.random.choice(chosen) if chosen else None

    def change_port(self):
        port = self.any_port()
        where = [["name", "==", port.name]]
        key = self.random.choice([*VALUES, "bond_mode", "lacp"])
        if key.startswith("bond_") or key == "lacp":
            if key == "bond_mode":
                value = port.mode = self.random.choice(
                    ("active-backup", "balance-slb", "balance-tcp", ["set", []]))
            elif key == "lacp":
                if "patch" in port.name:
                    return None
                value = port.lacp = self.random.choice(("active", "passive", "off", ["set", []]))
            else:
                value = self.random.choice(VALUES[key])
            return self.config(f"set port {port.name} {key}={value}", lambda recorder: [
                {"op": "update", "table": "Port", "where": where, "row": {key: value}}])
        value = None if self.random.random() < 0.25 else self.value(port, key)
        return self.config(f"set port {port.name} other_config:{key}={value}",
                           lambda recorder: change_key("Port", where, "other_config", key, value))

    def change_interface(self):
        port = self.any_port()
        where = [["name", "==", self.random.choice(port.interfaces).name]]
        key = self.random.choice(list(INTERFACE_VALUES))
        value = None if self.random.random() < 0.25 else self.random.choice(INTERFACE_VALUES[key])
        step = self.config(f"set interface {where[0][2]} other_config:{key}={value}",
                           lambda recorder: change_key("Interface", where, "other_config", key, value))
        # 4, 30: between patches ours tells the partner at once, the reference within a second.
        step.settles_later = "patch" in port.name
        return step

    def change_bridge(self):
        bridge = self.random.choice(list(self.bridges))
        key, value = self.random.choice((
            ("mac-aging-time", self.random.choice(("20", "5", "x", "4000"))),
            ("mac-table-size", self.random.choice(("10", "3", "x", "5000"))),
            ("forward-bpdu", self.random.choice(("true", "false")))))
        where = [["name", "==", bridge]]
        return self.config(f"set bridge {bridge} other_config:{key}={value}",
                           lambda recorder: change_key("Bridge", where, "other_config", key, value))

    def change_vlan(self):
        port = self.any_port()
        column, value = self.random.choice((
            ("tag", self.random.choice((10, 20, ["set", []]))),
            ("trunks", self.random.choice((["set", [10, 20]], ["set", []]))),
            ("vlan_mode", self.random.choice(("native-untagged", "native-tagged", ["set", []]))),
            ("protected", self.random.choice((True, False)))))
        return self.config(f"set port {port.name} {column}={value}", lambda recorder: [
            {"op": "update", "table": "Port", "where": [["name", "==", port.name]],
             "row": {column: value}}])

    def replace_port(self):
        """Deletes a port; the next time it comes back."""
        port = self.any_port()
        if "patch" in port.name:
            return None
        del self.ports[port.name]
        self.gone = port
        identifier = {"op": "select", "table": "Port", "where": [["name", "==", port.name]],
                      "columns": ["_uuid"]}

        def operations(recorder):
            row = recorder.switch.transact([identifier])[0]["rows"][0]["_uuid"]
            return [{"op": "mutate", "table": "Bridge", "where": [["name", "==", port.bridge]],
                     "mutations": [["ports", "delete", ["set", [row]]]]}]
        if len(self.ports) < 2:
            self.ports[port.name] = port
            return None
        return self.config(f"del-port {port.name}", operations)

    def change_members(self):
        """Takes a member out of a bond, or adds one."""
        port = self.any_port(bonds=True)
        if port is None or "patch" in port.name:
            return None
        where = [["name", "==", port.name]]
        if len(port.interfaces) > 2 or self.random.random() < 0.3:
            # The first one gives LACP its key, and what follows when it goes is deviation 41.
            interface = port.interfaces.pop(self.random.randrange(1, len(port.interfaces)))

            def remove(recorder):
                rows = recorder.switch.transact([{
                    "op": "select", "table": "Interface", "columns": ["_uuid"],
                    "where": [["name", "==", interface.name]]}])[0]["rows"]
                return [{"op": "mutate", "table": "Port", "where": where,
                         "mutations": [["interfaces", "delete", ["set", [rows[0]["_uuid"]]]]]}]
            return self.config(f"remove {interface.name} from {port.name}", remove)
        taken = {i.name for i in port.interfaces}
        name = next(n for n in (f"{port.name}m{i}" for i in range(9)) if n not in taken)
        interface = Interface(name, self.number(port.bridge))
        row = self.interface_row(interface)
        port.interfaces.append(interface)
        return self.config(f"add {name} to {port.name}", lambda recorder: [
            row(recorder),
            {"op": "mutate", "table": "Port", "where": where,
             "mutations": [["interfaces", "insert", ["set", [["named-uuid", name]]]]]}])

    # ---- events and commands

    def command(self, *words):
        step = Step(" ".join(words), lambda recorder: recorder.switch.command(*words))
        step.subject = words[1] if words[0].startswith(("bond/", "fdb/")) else None
        return step

    def warp(self, span=None, jumps=None):
        if span is None:
            span = self.random.choice((1, 100, 300, 999, 1000, 3000, 31000, 95000))
        jumps = jumps or ([1000] * (span // 1000) if span > 1000 else [span])
        self.elapsed += span
        return Step(f"warp {span}", lambda recorder: recorder.switch.warp(jumps), warped=span)

    def set_admin_state(self):
        port = self.any_port()
        interface = self.random.choice(port.interfaces)
        return self.command("netdev-dummy/set-admin-state", interface.name,
                            self.random.choice(("up", "down", "up", "down", "sideways")))

    def bond_command(self):
        port = self.any_port()
        member = self.random.choice([i.name for i in port.interfaces] * 3 + ["nosuch"])
        return self.random.choice((
            lambda: self.command("bond/set-active-member", port.name, member),
            lambda: self.command("bond/enable-member", port.name, member),
            lambda: self.command("bond/disable-slave", port.name, member),
            lambda: self.command("bond/migrate", port.name,
                                 self.random.choice(("1", "x", "", "300", "-1")), member),
            lambda: self.command("bond/hash", self.random.choice((
                "00:11:22:33:44:55", "x", "00:00:00:00:00:01")),
                self.random.choice(("0", "10", "-1", "70000", "x")),
                self.random.choice(("0", "5", "-1", "x")))))()

    def fdb_command(self):
        bridge = self.random.choice([*self.bridges, "nosuch"])
        port = self.random.choice([i.name for p in self.ports.values() for i in p.interfaces])
        mac = self.random.choice(("50:00:00:00:00:01", "50:00:00:00:00:02", "x"))
        return self.random.choice((
            lambda: self.command("fdb/add", bridge, port, self.random.choice(("0", "10")), mac),
            lambda: self.command("fdb/del", bridge, self.random.choice(("0", "10")), mac),
            lambda: self.command("fdb/flush", bridge),
            lambda: self.command("fdb/stats-show", bridge)))()

    def receive(self, interface, frame, text):
        step = Step(f"receive {interface} {text} {frame.hex()}", lambda recorder:
                    recorder.switch.command("netdev-dummy/receive", interface, frame.hex()))
        step.interface, step.lacpdu = interface, frame if text == "lacpdu" else None
        return step

    def dummy_interface(self, port=None):
        chosen = [i for p in ([port] if port else self.ports.values()) for i in p.interfaces
                  if i.kind == "dummy"]
        return self.random.choice(chosen).name if chosen else None

    def receive_data(self):
        interface = self.dummy_interface()
        if interface is None:
            return None
        station = self.random.randrange(1, 9)
        source = f"50:00:00:00:00:{station:02x}"
        destination = self.random.choice(
            ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "01:80:c2:00:00:0e"] +
            [f"50:00:00:00:00:{n:02x}" for n in range(1, 9)])
        vlan = self.random.choice((None, None, 10, 20, 0, 30))
        kind = self.random.choice(("ipv4", "ipv4", "arp", "garp"))
        return self.receive(interface, ethernet(destination, source, vlan, kind, station), "data")

    def receive_lacpdu(self):
        """From a foreign switch: mostly the same one for a bond, sometimes a second one, sometimes
        ourselves; mostly one that knows us, and has its wits about it."""
        interface = self.dummy_interface()
        if interface is None:
            return None
        port = next(p for p in self.ports.values() if interface in [i.name for i in p.interfaces])
        index = [i.name for i in port.interfaces].index(interface)
        heard = self.recorder.last_actor(interface)
        system = f"00:00:5e:00:{len(port.name):02x}:{sum(port.name.encode()) % 256:02x}"
        key, priority, state = 7, 1000, 0x3d
        kind = self.random.random()
        if kind < 0.06:
            system = "00:00:5e:00:00:77"  # another switch, the better one
        elif kind < 0.12:
            system, priority = "00:00:5e:ff:00:77", 40000
        elif kind < 0.16:
            key = 8
        elif kind < 0.18:
            priority = 2000
        elif kind < 0.22 and heard:
            system, key = mac_text(heard[2:8]), 1
        elif kind < 0.26:
            heard = bytes([0, 1, 2, 3, 4, 5, 6, 7, 0, 9, 0, 1, 0, 2, 0x3d])  # means somebody else
        elif kind < 0.30:
            heard = None
        if self.random.random() < 0.25:
            state = self.random.choice((0x3f, 0x05, 0x0d, 0x3d | 0x40, 0x85, 0x3c, 0x39, 0xc7,
                                        self.random.randrange(256)))
        step = self.receive(interface, lacpdu(
            source=f"00:00:5e:00:00:{index:02x}", system=system, priority=priority, key=key,
            port_priority=200, port=100 + index, state=state, partner=heard,
            version=self.random.choice((1, 1, 1, 2))), "lacpdu")
        return step

    def receive_bad(self):
        """Slow protocols of other kinds, or damaged; markers; and tagged or padded ones."""
        interface = self.dummy_interface()
        if interface is None:
            return None
        good = bytearray(lacpdu("00:00:5e:00:00:01", "00:00:5e:00:00:99", 1, 1, 1, 1, 0x3d, None))
        kind = self.random.choice(("length", "tlv", "marker", "response", "short", "tiny"))
        if kind == "length":
            good[17] = 19
        elif kind == "tlv":
            good[36] = 3
        elif kind == "marker":
            good = marker("00:00:5e:00:00:01", "00:00:5e:00:00:99", 5, 42, kind=1)
        elif kind == "response":
            good = marker("00:00:5e:00:00:01", "00:00:5e:00:00:99", 5, 42, kind=2)
        elif kind == "short":
            good = good[:100]
        elif kind == "tiny":
            good = good[:16]
        return self.receive(interface, bytes(good), kind)


def change_key(table, where, column, key, value):
    mutations = [[column, "delete", ["set", [key]]]]
    if value is not None:
        mutations.append([column, "insert", ["map", [[key, value]]]])
    return [{"op": "mutate", "table": table, "where": where, "mutations": mutations}]
