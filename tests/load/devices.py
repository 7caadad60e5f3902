#!/usr/bin/env python3
"""Devices come, go and change under a switch that forwards.

Usage: devices.py --bin DIR [--events N] [--seed S]

    hosts: h0 h1 h2    c0 c1        g0                     i0
            |  |  |     |  |         |                      |
    switch: p0 p1 p2   bond0 (b0,b1) |  bond1 == bond2     i0 (internal)
            `--`--`---- br0 ---------|--'  LACP  `-- br1 -- q0 -- g0

Members and ports are deleted, made again, renamed, moved to another namespace and back, set up and
down at either end, given other MTUs and addresses, and their rows are removed and added, at random;
frames are forwarded by one to three threads.
Every hundred events all is put in order: then every port forwards to every other, the columns of
every interface tell the truth, and the daemon holds as much as in the beginning.
"""

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import Daemon, Hosts, Namespace, Wrong, blocks, eventually, packet_sockets, verdict

BETWEEN = 100  # events from one inspection to the next
PORTS = {"h0": ["h0"], "h1": ["h1"], "h2": ["h2"], "bond0": ["c0", "c1"], "g0": ["g0"], "i0": ["i0"]}
BONDS = {"bond0": ("br0", ["b0", "b1"], ["bond_mode=active-backup"]),
         "bond1": ("br0", ["l0", "l1"], ["lacp=active", "other_config:lacp-time=fast"]),
         "bond2": ("br1", ["m0", "m1"], ["lacp=active", "other_config:lacp-time=fast"])}
MTUS = (68, 576, 1500, 1600, 9000)


class Device:
    """A veth of the switch: what it should be, and where it is now."""

    def __init__(self, name, peer, peer_is_here, bridge):
        self.name, self.peer, self.peer_is_here, self.bridge = name, peer, peer_is_here, bridge
        self.exists, self.alias, self.away = False, None, False
        self.up, self.peer_up, self.mtu, self.mac = True, True, 1500, None


class World:
    def __init__(self, stack, binaries):
        self.switch, self.hosts, self.away = (Namespace(stack, name) for name in ("sw", "hosts", "away"))
        self.daemon = Daemon(stack, binaries, self.switch)
        self.devices = {}
        for name, peer, bridge in (("p0", "h0", "br0"), ("p1", "h1", "br0"), ("p2", "h2", "br0"),
                                   ("b0", "c0", "bond0"), ("b1", "c1", "bond0"), ("q0", "g0", "br1")):
            self.devices[name] = Device(name, peer, False, bridge)
        for name, peer in (("l0", "m0"), ("l1", "m1")):
            self.devices[name] = Device(name, peer, True, "bond1")
        self.far = {device.peer: device for device in self.devices.values() if device.peer_is_here}
        self.rows = set()  # names of the bonds and of the plain ports that are configured
        self.plain = {"p0": "br0", "p1": "br0", "p2": "br0", "q0": "br1"}
        self.traffic = None

    def start(self, stack):
        self.daemon.start()
        self.traffic = Hosts(stack, self.hosts)
        for device in self.devices.values():
            self.make(device)
        self.daemon.vsctl("add-br", "br0", "--", "add-br", "br1", "--", "add-port", "br0", "i0", "--", "set",
                          "interface", "i0", "type=internal")
        for name in (*self.plain, *BONDS):
            self.add_row(name)

    # ---- single events; each returns words for the record, or None when there is nothing to do

    def make(self, device):
        if device.exists:
            return None
        where = ["netns", (self.switch if device.peer_is_here else self.hosts).name]
        self.switch.ip("link", "add", device.name, "type", "veth", "peer", "name", device.peer, *where)
        device.exists, device.alias, device.away = True, None, False
        device.mtu, device.mac = 1500, None
        self.set_up(device, True)
        self.set_peer_up(device, True)
        return "make"

    def space(self, device):
        return self.away if device.away else self.switch

    def link(self, device, *arguments, **keywords):
        return self.space(device).ip("link", "set", device.alias or device.name, *arguments, **keywords)

    def set_up(self, device, up):
        self.link(device, "up" if up else "down")
        device.up = up
        return "up" if up else "down"

    def set_peer_up(self, device, up):
        where = self.switch if device.peer_is_here else self.hosts
        where.ip("link", "set", device.peer, "up" if up else "down")
        device.peer_up = up
        return "peer up" if up else "peer down"

    def delete(self, device):
        self.space(device).ip("link", "del", device.alias or device.name)
        device.exists = False
        return "delete"

    def rename(self, device):
        """There, or back."""
        to = device.name if device.alias else "x" + device.name
        self.link(device, "name", to, check=True)
        device.alias = None if device.alias else to
        return "name " + to

    def move(self, device):
        to = self.switch if device.away else self.away
        self.link(device, "netns", to.name)
        device.away, device.up = not device.away, False
        return "move to " + to.name

    def set_mtu(self, device, mtu):
        self.link(device, "mtu", str(mtu))
        device.mtu = mtu
        return f"mtu {mtu}"

    def set_mac(self, device, chance):
        device.mac = "02:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(5))
        self.link(device, "address", device.mac)
        return "address " + device.mac

    def add_row(self, name):
        if name in BONDS:
            bridge, members, settings = BONDS[name]
            self.daemon.vsctl("--no-wait", "add-bond", bridge, name, *members, *settings)
        else:
            self.daemon.vsctl("--no-wait", "add-port", self.plain[name], name)
        self.rows.add(name)
        return "add row"

    def remove_row(self, name):
        self.daemon.vsctl("--no-wait", "del-port", name)
        self.rows.discard(name)
        return "remove row"

    def change_rows(self, chance):
        name = chance.choice([*self.plain, *BONDS])
        return f"{name}: " + (self.remove_row if name in self.rows else self.add_row)(name)

    def set_workers(self, count):
        self.daemon.vsctl("--no-wait", "set", "open_vswitch", ".", f"other_config:n-workers={count}")
        return f"workers {count}"

    def internal(self, chance):
        """Something happens to i0, wherever it is."""
        where = self.hosts if self.hosts.ip("link", "show", "i0", check=False).returncode == 0 else self.switch
        event = chance.choice((["up"], ["down"], ["mtu", str(chance.choice(MTUS))], ["netns"], ["delete"],
                               ["address", "02:00:00:00:77:%02x" % chance.randrange(256)]))
        if event == ["netns"]:
            event.append((self.switch if where is self.hosts else self.hosts).name)
        if event == ["delete"]:
            where.ip("link", "del", "i0", check=False)  # made again, at home
        else:
            where.ip("link", "set", "i0", *event, check=False)
        return f"i0 in {where.name}: {' '.join(event)}"

    def event(self, chance):
        kind = chance.random()
        if kind < 0.1:
            return self.change_rows(chance)
        if kind < 0.16:
            return self.internal(chance)
        if kind < 0.18:
            return self.set_workers(chance.randrange(1, 4))
        device = chance.choice([*self.devices.values()])
        if not device.exists:
            return f"{device.name}: {self.make(device)}"
        events = [self.delete, self.rename, self.move, lambda d: self.set_up(d, not d.up),
                  lambda d: self.set_peer_up(d, not d.peer_up), lambda d: self.set_mtu(d, chance.choice(MTUS)),
                  lambda d: self.set_mac(d, chance)]
        return f"{device.name}: {chance.choice(events)(device)}"

    # ---- in order again

    def mend(self):
        self.set_workers(1)
        for device in self.devices.values():
            if not device.exists:
                self.make(device)
            if device.away:
                self.move(device)
            if device.alias:
                self.link(device, "down")
                self.rename(device)
            self.set_mtu(device, 1500)
            self.set_up(device, True)
            self.set_peer_up(device, True)
        for name in (*self.plain, *BONDS):
            if name not in self.rows:
                self.add_row(name)
        eventually(10, "i0 is made again", self.find_internal)

    def find_internal(self):
        self.switch.ip("link", "set", "i0", "netns", self.hosts.name, check=False)  # or is there already
        done = self.hosts.ip("link", "set", "i0", "mtu", "1500", "up", check=False)
        return done.stdout if done.returncode else None

    # ---- what must hold

    def columns(self):
        """What is wrong with them, whatever state the devices are in."""
        table = self.daemon.interfaces("ofport", "error", "admin_state", "link_state", "mtu", "mac_in_use")
        names = {name for name in self.rows if name in self.plain}
        names |= {member for bond in self.rows & BONDS.keys() for member in BONDS[bond][1]}
        if names != table.keys() - {"br0", "br1", "i0"}:
            return f"rows of {sorted(table)}, not of {sorted(names)}"
        for name in sorted(names):
            if wrong := self.column(name, table[name]):
                return f"{name}: {wrong}"
        return None

    def column(self, name, row):
        device = self.devices.get(name) or self.far[name]
        here = device.exists and (name in self.far or not (device.alias or device.away))
        if not here:
            wanted = {"ofport": -1, "error": f"could not open network device {name} (No such device)"}
            return differences(row, wanted)
        up, other = device.up, device.peer_up
        if name in self.far:
            up, other = other, up
        wanted = {"error": None, "admin_state": "up" if up else "down", "link_state": "up" if up and other else "down",
                  "mac_in_use": self.switch.address_of(name)}
        if name not in self.far:
            wanted["mtu"] = device.mtu
        if not isinstance(row["ofport"], int) or row["ofport"] <= 0:
            return f"ofport is {row['ofport']}"
        return differences(row, wanted)

    def forwarding(self):
        """From whom to whom nothing comes, or more than one copy."""
        arrived = self.traffic.probe([name for names in PORTS.values() for name in names])
        for source, senders in PORTS.items():
            for target, receivers in PORTS.items():
                if target == source:
                    continue
                copies = [sum(arrived[sender].get(receiver, 0) for receiver in receivers) for sender in senders]
                if max(copies) != 1:
                    return f"{copies} copies from {senders} to {receivers}; by sender: {arrived}"
        return None

    def holdings(self):
        return {**self.daemon.descriptors(),
                "packet sockets": packet_sockets(self.switch), "packet sockets away": packet_sockets(self.away)}


def differences(row, wanted):
    found = [f"{column} is {row[column]}, not {value}" for column, value in wanted.items() if row[column] != value]
    return "; ".join(found) or None


def inspect(world, record, baseline):
    """Before and after order is made."""
    world.daemon.must_run()
    eventually(10, f"columns as found (after {record[-6:]})", world.columns)
    world.mend()
    eventually(10, "columns in order", world.columns)
    world.traffic.ask("traffic", False)
    eventually(20, "every port forwards", world.forwarding)
    if baseline is not None:
        eventually(5, "descriptors", lambda: baseline != world.holdings() and f"{world.holdings()}, not {baseline}")


def rehearse(options, stack):
    world, chance = World(stack, options.bin), random.Random(options.seed)
    world.start(stack)
    inspect(world, ["start"], None)
    baseline, memory = world.holdings(), None
    record = []
    begin = time.monotonic()
    world.traffic.ask("traffic", True)
    try:
        for number in range(1, options.events + 1):
            record.append(world.event(chance))
            time.sleep(chance.choice((0, 0, 0.002, 0.02)))
            if number % BETWEEN and number != options.events:
                continue
            inspect(world, record, baseline)
            memory = memory or world.daemon.memory()
            sent = world.traffic.ask("traffic", True)
            print(f"{number} events, {time.monotonic() - begin:.0f} s, {sent} frames from hosts, "
                  f"{world.daemon.memory() / 1e6:.0f} MB", flush=True)
        if options.memory and world.daemon.memory() - memory > options.memory * 1e6:
            raise Wrong(f"memory grew from {memory / 1e6:.0f} to {world.daemon.memory() / 1e6:.0f} MB")
        world.daemon.end()
        if found := blocks(world.switch):
            raise Wrong(f"blocks of the host's stack left behind: {found}")
        if packet_sockets(world.switch):
            raise Wrong("packet sockets left behind")
    except Wrong:
        print(f"seed {options.seed}, event {len(record)}; the last ones:")
        print("\n".join("  " + each for each in record[-30:]))
        print(world.daemon.console())
        print("\n".join(world.daemon.log().splitlines()[-40:]))
        raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--memory", type=float, default=0, help="megabytes that it may grow after the first inspection")
    options = parser.parse_args()
    return verdict(lambda stack: rehearse(options, stack))


if __name__ == "__main__":
    sys.exit(main())
