#!/usr/bin/env python3
"""The spanning tree, compared with the installed Open vSwitch and together with it.

Usage: stp_test.py --bin DIR [--jobs N] [TEST...]

On dummy devices with a stopped clock: the same ring of bridges in either switch shows the same, and
a ring with bridges of both blocks one port.  Tests run side by side, each with a pair of switches of
its own: the reference sleeps for 10 ms in each step of time.  Exits with 77 where it is not installed.
"""

import argparse
import concurrent.futures
import json
import os
import random
import re
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from switches import REFERENCE, Switch, reference_is_installed

BIN = ""
PATIENCE = 100  # looks at what is written or arrives a moment later
QUICK = {"stp-hello-time": "1000", "stp-max-age": "6", "stp-forward-delay": "4"}
LEARNED = 10_000  # milliseconds in which both protocols come to rest with these times
CALM = 22_000     # and in which the older one speaks no more of the change of topology


def string_map(strings):
    return ["map", sorted([key, value] for key, value in strings.items())]


def add_bridge(name, number, ports, keys=None):
    """`ports`: name -> (interface type, its options, the port's other_config)."""
    operations, references = [], []
    for port, (kind, options, other) in {name: ("internal", {}, {}), **ports}.items():
        operations += [
            {"op": "insert", "table": "Interface", "uuid-name": port + "_if",
             "row": {"name": port, "type": kind, "options": string_map(options)}},
            {"op": "insert", "table": "Port", "uuid-name": port + "_port",
             "row": {"name": port, "interfaces": ["named-uuid", port + "_if"],
                     "other_config": string_map(other)}}]
        references.append(["named-uuid", port + "_port"])
    other = {"hwaddr": f"02:00:00:00:00:{number:02x}", **(keys or {})}
    return operations + [
        {"op": "insert", "table": "Bridge", "uuid-name": name,
         "row": {"name": name, "datapath_type": "dummy", "ports": ["set", references],
                 "stp_enable": True, "other_config": string_map(other)}},
        {"op": "mutate", "table": "Open_vSwitch", "where": [],
         "mutations": [["bridges", "insert", ["named-uuid", name]]]}]


def add_port(bridge, name, keys):
    return [
        {"op": "insert", "table": "Interface", "uuid-name": "new_if",
         "row": {"name": name, "type": "dummy"}},
        {"op": "insert", "table": "Port", "uuid-name": "new_port",
         "row": {"name": name, "interfaces": ["named-uuid", "new_if"],
                 "other_config": string_map(keys)}},
        {"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]],
         "mutations": [["ports", "insert", ["named-uuid", "new_port"]]]}]


def older_bpdu(number, priority=0xf000):
    """The frame of a bridge that takes itself for the root, in the older protocol."""
    bridge = struct.pack("!HHI", priority, 0x0200, number)
    body = bytes(5) + bridge + bytes(4) + bridge + struct.pack(
        "!HHHHH", 0x8001, 0, 20 << 8, 2 << 8, 15 << 8)
    frame = bytes.fromhex("0180c2000000") + bridge[2:] + struct.pack("!H", 3 + len(body))
    return (frame + b"\x42\x42\x03" + body).ljust(60, b"\0")


def ring(bridges, keys=None):
    """br0, br1 ... joined by patches, and a host's port on each."""
    operations = []
    for n in range(bridges):
        after, before = (n + 1) % bridges, (n - 1) % bridges
        operations += add_bridge(f"br{n}", n + 1, {
            f"host{n}": ("dummy", {}, {"stp-port-num": "1"}),
            f"right{n}": ("patch", {"peer": f"left{after}"}, {"stp-port-num": "2"}),
            f"left{n}": ("patch", {"peer": f"right{before}"},
                         {"stp-port-num": "3", "stp-path-cost": str(10 + n)})}, keys)
    return operations


def older(operations):
    return operations


def rapid(operations):
    return json.loads(json.dumps(operations).replace('"stp_enable"', '"rstp_enable"')
                      .replace('"stp-', '"rstp-'))


def by_bridge(text):
    return sorted(re.split(r"^(?=---- )", text, flags=re.M))


class SpanningTree(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="bondway-stp-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.looked_at = {}  # trace -> up to where
        self.switches = []
        for name, program in (("reference", REFERENCE["vswitchd"]),
                              ("ours", os.path.join(BIN, "ovs-vswitchd"))):
            switch = Switch(name, os.path.join(self.directory, name), program)
            self.addCleanup(switch.stop)
            switch.start()
            self.switches.append(switch)
        self.reference, self.ours = self.switches

    def pass_time(self, milliseconds, step=500):
        for _ in range(milliseconds // step):
            for switch in self.switches:
                switch.command("time/warp", str(step), "100")
            for switch in self.switches * 2:
                switch.command("version")

    def both(self, look):
        """What both answer, as soon as it is the same."""
        for _ in range(PATIENCE):
            answers = [look(switch) for switch in self.switches]
            if answers[0] == answers[1]:
                break
            time.sleep(0.01)
        return answers

    def status(self, switch):
        lines = []
        bridges, ports = switch.select(Bridge=["name", "status"],
                                       Port=["name", "status", "statistics"])
        for name, row in sorted(bridges.items()):
            lines.append((name, dict(row["status"][1])))
        for name, row in sorted(ports.items()):
            status = dict(row["status"][1])
            status.pop("stp_sec_in_state", None)
            lines.append((name, status, sorted(dict(row["statistics"][1]))))
        return lines

    def test_a_ring_shows_the_same(self):
        for switch in self.switches:
            switch.apply(ring(3))
        for seconds in (10, 10, 20, 20):  # listening, learning, forwarding, long after
            self.pass_time(seconds * 1000)
            texts = self.both(lambda s: by_bridge(s.command("stp/show")))
            self.assertEqual(texts[0], texts[1])
        self.assertIn("alternate  blocking", "".join(texts[0]))
        columns = self.both(self.status)
        self.assertEqual(*columns)

    def test_commands_answer_the_same(self):
        for switch in self.switches:
            switch.apply(ring(2))
        for words in (("stp/show", "nosuch"), ("stp/tcn",), ("stp/tcn", "br0"),
                      ("stp/tcn", "nosuch")):
            answers = [switch.command(*words) for switch in self.switches]
            self.assertEqual(answers[0].rstrip("\n"), answers[1].rstrip("\n"), words)

    def test_a_configuration_is_read_the_same(self):
        keys = [{"stp-priority": "4096", "stp-hello-time": "1", "stp-max-age": "10",
                 "stp-forward-delay": "5", "stp-system-id": "02:00:00:00:aa:00"},
                {"stp-priority": "0", "stp-hello-time": "99", "stp-max-age": "99",
                 "stp-forward-delay": "99"},
                {"stp-priority": "x", "stp-hello-time": "0", "stp-max-age": "1",
                 "stp-forward-delay": "-3", "stp-system-id": "x"},
                {"stp-priority": "70000", "stp-hello-time": "2000", "stp-max-age": "39"},
                {"stp-priority": "-3", "stp-hello-time": "-1", "stp-forward-delay": "14"},
                {"stp-hello-time": "2", "stp-max-age": "9", "stp-forward-delay": "4"}]
        for n, other in enumerate(keys):
            for switch in self.switches:
                switch.apply(add_bridge(f"c{n}", n + 1, {f"c{n}p": ("dummy", {}, {
                    "stp-port-priority": "32", "stp-port-num": "7", "stp-path-cost": "300"})},
                    other))
            texts = self.both(lambda s: s.command("stp/show", f"c{n}"))
            self.assertEqual(*texts)

    def mixed_ring(self, reference=older, ours=older, root="reference"):
        """Two wires between a bridge of the reference's and one of ours, of these protocols."""
        for switch, protocol, kind, prefix in ((self.reference, reference, "pstream", "punix:"),
                                               (self.ours, ours, "stream", "unix:")):
            ports = {f"p{n}": ("dummy", {kind: f"{prefix}{self.directory}/wire{n}",
                                         "tx_pcap": os.path.join(switch.directory, f"p{n}.pcap")},
                               {"stp-port-num": str(n + 1)}) for n in range(2)}
            number = 1 if switch.name == root else 2
            switch.apply(protocol(add_bridge("br0", number, ports, QUICK)))
        for _ in range(PATIENCE):
            if self.ours.command("netdev-dummy/conn-state").count(": connected") == 2:
                return
            self.pass_time(500)
        self.fail("the wires do not connect")

    def top_and_bottom(self, root):
        return self.switches if root == "reference" else self.switches[::-1]

    def states(self, switch):
        return re.findall(r"^  p\d +(\w+) +(\w+) ", switch.command("stp/show"), re.M)

    def test_a_ring_of_both_converges(self):
        self.mixed_ring()
        self.pass_time(LEARNED)
        self.assertEqual(self.states(self.reference), [("designated", "forwarding")] * 2)
        self.assertEqual(self.states(self.ours), [("root", "forwarding"),
                                                  ("alternate", "blocking")])
        self.ours.command("netdev-dummy/set-admin-state", "p0", "down")
        self.pass_time(LEARNED)
        self.assertEqual(self.states(self.ours), [("root", "forwarding")])  # of those that are up

    def rapid_states(self, switch):
        return sorted(re.findall(r"^  (p\d) +(\w+) +(\w+) ", switch.command("rstp/show"), re.M))

    def test_a_rapid_ring_of_both_converges(self):
        self.mixed_ring(rapid, rapid)
        self.pass_time(10_000)
        self.assertEqual(self.rapid_states(self.reference), [
            ("p0", "Designated", "Forwarding"), ("p1", "Designated", "Forwarding")])
        self.assertEqual(self.rapid_states(self.ours), [
            ("p0", "Root", "Forwarding"), ("p1", "Alternate", "Discarding")])
        self.ours.command("netdev-dummy/set-admin-state", "p0", "down")
        self.pass_time(1_000)
        self.assertEqual(self.rapid_states(self.ours), [
            ("p0", "Disabled", "Discarding"), ("p1", "Root", "Forwarding")])

    def test_a_rapid_ring_with_our_root_converges(self):
        self.mixed_ring(rapid, rapid, root="ours")
        self.pass_time(10_000)
        self.assertEqual(self.rapid_states(self.ours), [
            ("p0", "Designated", "Forwarding"), ("p1", "Designated", "Forwarding")])
        self.assertEqual(self.rapid_states(self.reference), [
            ("p0", "Root", "Forwarding"), ("p1", "Alternate", "Discarding")])

    def roles_and_states(self, switch):
        """Of p0 and p1, in the words of the older protocol or of the rapid one."""
        text = switch.command("stp/show") + switch.command("rstp/show")
        rows = sorted(re.findall(r"^  (p\d) +(\w+) +(\w+) ", text, re.M))
        return [(role.lower(), state.lower()) for _, role, state in rows]

    def check_neighbours(self, reference, ours, root):
        """Of either protocol: the root's ports forward, the other has one that does not."""
        self.mixed_ring(reference, ours, root)
        self.pass_time(LEARNED)
        top, bottom = self.top_and_bottom(root)
        self.assertEqual(self.roles_and_states(top), [("designated", "forwarding")] * 2)
        first, second = self.roles_and_states(bottom)
        self.assertEqual(first, ("root", "forwarding"))
        self.assertIn(second, (("alternate", "discarding"), ("alternate", "blocking")))
        top.command("netdev-dummy/set-admin-state", "p0", "down")
        bottom.command("netdev-dummy/set-admin-state", "p0", "down")
        self.pass_time(LEARNED)
        self.assertEqual(self.roles_and_states(bottom)[-1], ("root", "forwarding"))
        self.assertEqual(self.roles_and_states(top)[-1], ("designated", "forwarding"))

    def test_our_rapid_bridge_gets_on_with_an_older_root(self):
        self.check_neighbours(older, rapid, "reference")

    def test_our_rapid_root_gets_on_with_an_older_bridge(self):
        self.check_neighbours(older, rapid, "ours")

    def test_our_older_bridge_gets_on_with_a_rapid_root(self):
        self.check_neighbours(rapid, older, "reference")

    def test_our_older_root_gets_on_with_a_rapid_bridge(self):
        self.check_neighbours(rapid, older, "ours")

    def set_keys(self, table, name, keys, switches=None):
        for switch in switches or self.switches:
            switch.apply([{"op": "update", "table": table, "where": [["name", "==", name]],
                           "row": {"other_config": string_map(keys)}}])

    def set_times(self, keys):
        """Of br0, and whatever else it has from now on."""
        self.set_keys("Bridge", "br0", {"hwaddr": "02:00:00:00:00:01", **keys})
        for switch in self.switches:
            switch.apply([])  # the reference takes an age at a second look

    def kinds_sent(self, switch, port):
        """Of BPDUs since the last look: `rapid`, `older` or `notification`."""
        path = os.path.join(switch.directory, port + ".pcap")
        with open(path, "rb") as file:
            file.seek(self.looked_at.get(path, 24))
            data = file.read()
        at, kinds = 0, set()
        while at + 16 <= len(data):
            length = struct.unpack_from("=I", data, at + 8)[0]
            if at + 16 + length > len(data):
                break
            version, kind = data[at + 16 + 19:at + 16 + 21]
            kinds.add("notification" if kind == 0x80 else "rapid" if version == 2 else "older")
            at += 16 + length
        self.looked_at[path] = self.looked_at.get(path, 24) + at
        return kinds

    def check_speaks(self, switch, kind):
        self.pass_time(6_000)
        self.kinds_sent(switch, "p0")
        self.pass_time(5_000)
        self.assertEqual(self.kinds_sent(switch, "p0"), {kind}, switch.name)

    def check_mcheck(self, root):
        """Two that have once heard the older protocol from each other's wire speak it with each
        other, until one of them is told to try again."""
        self.mixed_ring(rapid, rapid, root)
        top, bottom = self.top_and_bottom(root)
        keys = {"hwaddr": "02:00:00:00:00:02", "rstp-max-age": "6", "rstp-forward-delay": "4"}
        self.check_speaks(top, "rapid")
        top.command("netdev-dummy/receive", "p0", older_bpdu(9).hex())
        self.check_speaks(top, "older")
        self.set_keys("Bridge", "br0", {**keys, "rstp-priority": "0"}, [bottom])
        self.check_speaks(bottom, "older")
        self.set_keys("Port", "p0", {"rstp-port-num": "1", "rstp-port-mcheck": "true"}, [bottom])
        self.check_speaks(bottom, "rapid")
        self.set_keys("Bridge", "br0", keys, [bottom])
        self.check_speaks(top, "rapid")
        top.command("netdev-dummy/receive", "p0", older_bpdu(9).hex())
        self.check_speaks(top, "older")  # that it is still set means nothing
        self.set_keys("Port", "p0", {"rstp-port-num": "1", "rstp-port-mcheck": "true"}, [top])
        self.check_speaks(top, "rapid")

    def test_mcheck_of_ours_brings_the_reference_back(self):
        self.check_mcheck("reference")

    def test_mcheck_of_the_reference_brings_ours_back(self):
        self.check_mcheck("ours")

    def check_moves(self, protocol, root):
        """The root port moves by what is set at either end, and back."""
        self.mixed_ring(protocol, protocol, root)
        self.pass_time(LEARNED)
        top, bottom = self.top_and_bottom(root)
        prefix = "stp-" if protocol is older else "rstp-"
        cost = {prefix + "path-cost": "9000"}
        for switch, port, keys, root_port in (
                (bottom, "p0", cost, "p1"), (bottom, "p0", {}, "p0"),
                (top, "p1", {prefix + "port-priority": "16"}, "p1"), (top, "p1", {}, "p0"),
                (bottom, "p1", {prefix + "port-priority": "16"}, "p0"),
                (bottom, "p1", {prefix + "path-cost": "1"}, "p1")):
            number = {prefix + "port-num": str(int(port[1]) + 1)}
            self.set_keys("Port", port, {**number, **keys}, [switch])
            self.pass_time(LEARNED)
            shown = bottom.command(prefix[:-1] + "/show")
            self.assertIn(f"  root-port       {root_port}\n", shown, (switch.name, port, keys))
            states = [self.roles_and_states(each) for each in (top, bottom)]
            self.assertEqual(states[0], [("designated", "forwarding")] * 2)
            self.assertEqual(states[1][int(root_port[1])], ("root", "forwarding"))
            self.assertEqual(states[1][1 - int(root_port[1])][0], "alternate")
        keys = {"hwaddr": "02:00:00:00:00:02", prefix + "priority": "4096"}
        self.set_keys("Bridge", "br0", keys, [bottom])
        self.pass_time(LEARNED)
        self.assertIn("This bridge is the root", bottom.command(prefix[:-1] + "/show"))
        self.assertIn("  root-port       p0\n", top.command(prefix[:-1] + "/show"))

    def test_our_root_port_moves(self):
        self.check_moves(older, "reference")

    def test_the_references_root_port_moves(self):
        self.check_moves(older, "ours")

    def test_our_rapid_root_port_moves(self):
        self.check_moves(rapid, "reference")

    def test_the_references_rapid_root_port_moves(self):
        self.check_moves(rapid, "ours")

    def rapid_rows(self, ports):
        return self.both(lambda s: sorted(re.findall(rf"^  [{ports}] .*", s.command("rstp/show"),
                                                     re.M)))

    def test_edges_are_found_the_same(self):
        """Hosts' ports with every setting, watched each second; then a bridge comes to one."""
        edges = {"a": {}, "b": {"rstp-port-auto-edge": "false"},
                 "c": {"rstp-port-admin-edge": "true"},
                 "d": {"rstp-port-admin-edge": "true", "rstp-port-auto-edge": "false"}}
        numbered = {port: {**keys, "rstp-port-num": str(n + 1)}
                    for n, (port, keys) in enumerate(edges.items())}
        for switch in self.switches:
            switch.apply(rapid(add_bridge("br0", 1, {
                port: ("dummy", {}, keys) for port, keys in numbered.items()}, QUICK)))

        def watch(seconds):
            seen = []
            for _ in range(seconds):
                self.pass_time(1000)
                rows = self.rapid_rows("abcd")
                self.assertEqual(*rows)
                seen.append([row.split()[2] for row in rows[0]])
            return seen
        seen = watch(10)
        self.assertEqual(seen[0], ["Discarding", "Discarding", "Forwarding", "Forwarding"])
        self.assertEqual(seen[4], ["Forwarding", "Discarding", "Forwarding", "Forwarding"])
        self.assertEqual(seen[9], ["Forwarding"] * 4)
        station = "ffffffffffff5000000000010800" + "00" * 46
        for switch in self.switches:
            switch.command("netdev-dummy/receive", "a", station)
        self.pass_time(1000)
        for port in "dcb":  # an edge that comes back is no change of topology
            for state in ("down", "up"):
                for switch in self.switches:
                    switch.command("netdev-dummy/set-admin-state", port, state)
                watch(3)
            self.assertEqual([self.macs(s) for s in self.switches], [["50:00:00:00:00:01"]] * 2)
        for port in "ad":  # no edges any more; d, which is none by itself, has to wait
            for switch in self.switches:
                switch.command("netdev-dummy/receive", port, older_bpdu(9).hex())
            watch(2)
        self.set_keys("Port", "b", {**numbered["b"], "rstp-port-admin-edge": "true"})
        self.set_keys("Port", "c", {**numbered["c"], "rstp-port-admin-edge": "false"})
        for port in "abcd":
            for switch in self.switches:
                switch.command("netdev-dummy/set-admin-state", port, "down")
            self.pass_time(1000)
            for switch in self.switches:
                switch.command("netdev-dummy/set-admin-state", port, "up")
            seen = watch(5)
            self.assertEqual(seen[0]["abcd".index(port)], "Forwarding" if port in "bd" else
                             "Discarding")

    def test_rapid_keys_act_the_same(self):
        for switch in self.switches:
            switch.apply(rapid(add_bridge("br0", 1, {})))
        for port, number in (("a", None), ("b", "1"), ("c", "0"), ("d", "4096"), ("e", "7"),
                             ("f", "7")):
            keys = {"rstp-port-num": number} if number else {}
            for switch in self.switches:
                switch.apply(add_port("br0", port, keys))
        self.pass_time(10_000)
        rows = self.both(lambda s: sorted(re.findall(r"^  [a-f] .*", s.command("rstp/show"), re.M)))
        self.assertEqual(*rows)
        self.assertEqual(len(rows[0]), 4)
        self.set_keys("Port", "a", {"rstp-admin-port-state": "false"})
        self.pass_time(5_000)
        rows = self.both(lambda s: re.findall(r"^  a .*", s.command("rstp/show"), re.M))
        self.assertEqual(*rows)
        self.assertIn("Disabled", rows[0][0])
        for age, delay in (("30", "10"), ("30", "20"), ("30", "20"), ("99", "3"), ("40", "30")):
            self.set_times({"rstp-max-age": age, "rstp-forward-delay": delay})
            times = self.both(lambda s: re.findall("stp-(?:max-age|fwd-delay).*",
                                                   s.command("rstp/show")))
            self.assertEqual(*times, (age, delay))

    def test_rapid_numbers_are_read_the_same(self):
        """A port keeps what it had instead of a number that is none."""
        for switch in self.switches:
            switch.apply(rapid(add_bridge("br0", 1, {"a": ("dummy", {}, {"rstp-port-num": "1"})})))
        shown = set()
        for key, values in (("rstp-port-priority", ("32", "240", "255", "-1", "256", "48", "x",
                                                    "300", None, "255", "70000", "15")),
                            ("rstp-path-cost", ("55", "0", "x", "-1", "300000000", "200000000",
                                                None, "0", "1"))):
            for value in values:
                self.set_keys("Port", "a", {"rstp-port-num": "1", **({key: value} if value else
                                                                     {})})
                self.pass_time(1000)
                rows = self.both(lambda s: re.findall(r"^  a .*(?<=ing) (.*)$",
                                                      s.command("rstp/show"), re.M))
                self.assertEqual(*rows, (key, value))
                shown.update(rows[0])
        self.assertGreater(len(shown), 8)
        for n, value in enumerate(("255", "x", "300000000")):
            for switch in self.switches:
                switch.apply(add_port("br0", f"new{n}", {
                    "rstp-port-num": str(n + 2), "rstp-port-priority": value,
                    "rstp-path-cost": value}))
            self.pass_time(1000)
            rows = self.both(lambda s: re.findall(rf"^  new{n} .*ing (.*)$",
                                                  s.command("rstp/show"), re.M))
            self.assertEqual(*rows, value)
        for key, values in (("priority", ("4096", "x", "8191", "70000", "-1", "61440")),
                            ("max-age", ("10", "x", "12", "5", "50", "65546")),
                            ("forward-delay", ("20", "x", "12", "3", "50", "65550"))):
            for value in values:
                self.set_times({"rstp-" + key: value})
                lines = self.both(lambda s: re.findall("stp-(?:pri|max|fwd).*",
                                                       s.command("rstp/show")))
                self.assertEqual(*lines, (key, value))

    def test_rapid_ports_are_listed_in_the_same_order(self):
        """Whose numbers are given: others are given new ones by the reference when ports go."""
        chance = random.Random(1)
        for switch in self.switches:
            switch.apply(rapid(add_bridge("br0", 1, {})))
        numbers = {}  # port -> its number
        orders = set()
        for n in range(40):
            number = str(chance.choice([n for n in range(1, 200) if str(n) not in
                                        numbers.values()]))
            port = chance.choice(sorted(numbers)) if n > 12 else None
            what = chance.choice(("add", "add", "delete", "change")) if port else "add"
            for switch in self.switches:
                if what == "add":
                    switch.apply(add_port("br0", f"p{n}", {"rstp-port-num": number}))
                elif what == "delete":
                    found = switch.transact([{"op": "select", "table": "Port", "where": [
                        ["name", "==", port]], "columns": ["_uuid"]}])
                    switch.apply([{"op": "mutate", "table": "Bridge", "where": [], "mutations": [
                        ["ports", "delete", found[0]["rows"][0]["_uuid"]]]}])
            if what == "change":
                self.set_keys("Port", port, {"rstp-port-num": number})
            if what == "delete":
                del numbers[port]
            else:
                numbers[port if what == "change" else f"p{n}"] = number
            shown = self.both(lambda s: re.findall(r"^  p\d+ .*\.(\d+)$", s.command("rstp/show"),
                                                   re.M))
            self.assertEqual(*shown, (n, what, port, number))
            self.assertEqual(sorted(shown[0]), sorted(numbers.values()))
            orders.add(tuple(shown[0]))
        self.assertGreater(len(orders), 30)

    def errors(self, switch):
        """What was complained about since the last look, without repetitions."""
        return sorted({line.split("|", 2)[2].split("|", 2)[-1] for line in switch.new_log_lines()
                       if "|ERR|" in line or "mutually" in line})

    def test_a_ports_keys_are_read_the_same(self):
        for n, value in enumerate(("0", "1", "255", "256", "4095", "65536", "70000", "-1", "x")):
            for switch in self.switches:
                switch.apply(add_bridge(f"p{n}", n + 1, {
                    f"p{n}a": ("dummy", {}, {"stp-port-num": "1", "stp-port-priority": value}),
                    f"p{n}b": ("dummy", {}, {"stp-port-num": "2", "stp-path-cost": value}),
                    f"p{n}c": ("dummy", {}, {"stp-port-num": value})}))
            rows = self.both(lambda s: sorted(
                re.findall(r"^  p.*", s.command("stp/show", f"p{n}"), re.M)))
            if value != "1":  # which of two with a number is left out is chance
                self.assertEqual(*rows, value)
            self.assertEqual([len(found) for found in rows], [3 if value == "255" else 2] * 2)

    def test_either_all_ports_have_numbers_or_none(self):
        for switch in self.switches:
            switch.apply(add_bridge("some", 1, {
                "a": ("dummy", {}, {"stp-port-num": "1"}), "b": ("dummy", {}, {}),
                "c": ("dummy", {}, {"stp-port-num": "999"})}))
        shown = self.both(lambda s: s.command("stp/show", "some").rstrip())
        self.assertEqual(shown, ["error: no such stp object"] * 2)
        errors = self.both(self.errors)
        self.assertEqual(*errors)
        self.assertEqual(len(errors[0]), 2)
        self.set_keys("Port", "b", {"stp-port-num": "2"})
        shown = self.both(lambda s: re.findall(r"^  [abc] .*", s.command("stp/show", "some"), re.M))
        self.assertEqual(*shown)
        self.assertEqual(len(shown[0]), 2)

    def test_wrong_settings_are_complained_about_the_same(self):
        bridges = [add_bridge("br0", 1, {"a": ("dummy", {}, {"rstp-port-num": "0"})},
                              {"rstp-address": "x"}),
                   add_bridge("br1", 2, {"b": ("dummy", {}, {"stp-port-num": "3"}),
                                         "c": ("dummy", {}, {"stp-port-num": "3"})})]
        for operation in bridges[0]:
            if operation["table"] == "Bridge":
                operation["row"]["rstp_enable"] = True
        for operations in bridges:
            for switch in self.switches:
                switch.apply(operations)
        for switch in self.switches:
            for stp in ("br0", "br1"):
                switch.apply([
                    *({"op": "insert", "table": "Interface", "uuid-name": f"i{n}",
                       "row": {"name": f"{stp}i{n}", "type": "dummy"}} for n in range(2)),
                    {"op": "insert", "table": "Port", "uuid-name": "bond",
                     "row": {"name": f"{stp}bond", "bond_mode": "active-backup", "interfaces":
                             ["set", [["named-uuid", f"i{n}"] for n in range(2)]]}},
                    {"op": "mutate", "table": "Bridge", "where": [["name", "==", stp]],
                     "mutations": [["ports", "insert", ["named-uuid", "bond"]]]}])
        complaints = [self.errors(switch) for switch in self.switches]
        # Which of two ports with a number is left out is chance.
        complaints = [[re.sub("port [bc]:", "port ?:", line) for line in lines]
                      for lines in complaints]
        self.assertEqual(*map(sorted, map(set, complaints)))
        self.assertEqual(len(set(complaints[0])), 6)

    def macs(self, switch):
        return sorted(re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
                                 switch.command("fdb/show", "br0")))

    def check_topology_change(self, root, protocol, wait):
        """The root forgets at the other's word, when the wire goes over which it learned."""
        self.mixed_ring(protocol, protocol, root)
        for switch in self.switches:
            switch.apply(add_port("br0", "host", {"stp-port-num": "9", "rstp-port-num": "9"}))
        self.pass_time(wait)
        top, bottom = self.top_and_bottom(root)
        bottom.command("netdev-dummy/receive", "host", "ffffffffffff5000000000010800" + "00" * 46)
        self.pass_time(1000)
        self.assertEqual([self.macs(s) for s in self.switches], [["50:00:00:00:00:01"]] * 2)
        bottom.command("netdev-dummy/set-admin-state", "p0", "down")
        self.pass_time(wait)
        self.assertEqual(self.macs(top), [])

    def test_a_topology_change_empties_the_references_mac_table(self):
        self.check_topology_change("reference", older, CALM)

    def test_a_topology_change_empties_our_mac_table(self):
        self.check_topology_change("ours", older, CALM)

    def test_a_rapid_topology_change_empties_the_references_mac_table(self):
        self.check_topology_change("reference", rapid, 10_000)

    def test_a_rapid_topology_change_empties_our_mac_table(self):
        self.check_topology_change("ours", rapid, 10_000)

    def test_a_lone_rapid_bridge_shows_the_same(self):
        for switch in self.switches:
            switch.apply(rapid(add_bridge("br0", 1, {"p1": ("dummy", {}, {
                "stp-port-num": "5", "stp-port-priority": "33"})}, {
                    "stp-priority": "5000", "stp-max-age": "50", "stp-forward-delay": "2",
                    "stp-address": "02:00:00:00:aa:01"})))
        self.pass_time(10_000)
        self.assertEqual(*self.both(lambda s: s.command("rstp/show")))
        self.assertEqual(*self.both(lambda s: [
            {name: row["rstp_status"] for name, row in rows.items()}
            for rows in s.select(Bridge=["name", "rstp_status"], Port=["name", "rstp_status"])]))
        counted = self.both(lambda s: sorted(dict(
            s.select(Port=["name", "rstp_statistics"])[0]["p1"]["rstp_statistics"][1])))
        self.assertEqual(*counted)
        self.assertIn("rstp_uptime", counted[0])
        for words in (("rstp/show", "nosuch"), ("rstp/tcn",), ("rstp/tcn", "br0"),
                      ("rstp/tcn", "nosuch")):
            answers = [switch.command(*words).rstrip() for switch in self.switches]
            self.assertEqual(*answers, words)

    def frames_of_ours(self):
        """How many have been looked up, when no more are under way."""
        counts = [-1]
        while len(counts) < 3 or counts[-1] != counts[-3]:
            for switch in self.switches:
                switch.command("version")
            counts.append(int(self.ours.command("dpif/show").split()[2].split(":")[1]))
            if len(counts) > PATIENCE:
                self.fail("frames do not end")
        return counts[-1]

    def test_a_frame_does_not_circulate(self):
        self.mixed_ring()
        self.pass_time(LEARNED)
        before = self.frames_of_ours()
        self.ours.command("netdev-dummy/receive", "br0", "ffffffffffff5000000000010800" + "00" * 46)
        self.assertLessEqual(self.frames_of_ours() - before, 3)


def run_side_by_side(tests, jobs):
    """Whether all succeeded."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda test: test.run(), tests))
    failed = [found for result in results for found in result.failures + result.errors]
    for test, text in failed:
        print(f"FAILED {test}\n{text}", flush=True)
    print(f"{len(results)} tests, {len(failed)} failed")
    return not failed and bool(results)


def main():
    global BIN
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("tests", nargs="*", metavar="TEST")
    options = parser.parse_args()
    if not reference_is_installed():
        print("Open vSwitch is not installed")
        return 77
    BIN = os.path.abspath(options.bin)
    names = options.tests or unittest.TestLoader().getTestCaseNames(SpanningTree)
    return 0 if run_side_by_side([SpanningTree(name) for name in names], options.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
