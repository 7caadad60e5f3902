#!/usr/bin/env python3
"""Floods and loops: the switch stays in hand, and its link aggregation up.

Usage: storm.py --bin DIR [--addresses N] [--seconds S] [--answer MS]

    h0 -- s0 -- br0 -- bond0 == LACP, fast == bond1 -- br1 -- s2 -- h2
    h1 -- s1 ----'

A host sends from a million addresses; broadcasts go round and round through cables whose both ends
are in one bridge, and through patches.  Meanwhile the control socket answers soon and no LACP
session expires; the MAC table stays within its size and keeps the stations of other ports; what goes
round in patches ends.  Afterwards the switch forwards as before.
"""

import argparse
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import Channel, Daemon, Hosts, Namespace, Wrong, eventually, veth, verdict

BYSTANDERS, STRANGERS = 100, 1 << 20  # first numbers of stations; see hosts.py
PORTS = ["h0", "h1", "h2"]


class Answers(threading.Thread):
    """Asks the control socket all the time; the slowest answers, in ms."""

    def __init__(self, daemon):
        super().__init__()
        self.channel = Channel(os.path.join(daemon.directory, f"ovs-vswitchd.{daemon.pid}.ctl"), timeout=60)
        self.stopping, self.taken = threading.Event(), []

    def run(self):
        while not self.stopping.wait(0.02):
            for command in ("bond/show", "lacp/show", "fdb/stats-show"):
                begin = time.monotonic()
                self.channel.call(command, ["br0"] if command.startswith("fdb") else [])
                self.taken.append((time.monotonic() - begin) * 1000)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()
        self.channel.close()


class Storm:
    def __init__(self, stack, options):
        self.options = options
        self.switch, hosts = Namespace(stack, "sw"), Namespace(stack, "hosts")
        for number in range(3):
            veth(hosts, f"h{number}", self.switch, f"s{number}")
        for number in range(2):
            veth(self.switch, f"l{number}", self.switch, f"m{number}")
        self.daemon = Daemon(stack, options.bin, self.switch)
        self.daemon.start()
        self.hosts = Hosts(stack, hosts)
        lacp = ["bond_mode=balance-tcp", "lacp=active", "other_config:lacp-time=fast"]
        self.daemon.vsctl("add-br", "br0", "--", "add-port", "br0", "s0", "--", "add-port", "br0", "s1", "--",
                          "add-bond", "br0", "bond0", "l0", "l1", *lacp)
        self.daemon.vsctl("add-br", "br1", "--", "add-port", "br1", "s2", "--",
                          "add-bond", "br1", "bond1", "m0", "m1", *lacp)
        eventually(20, "every port forwards", self.forwarding)

    def forwarding(self):
        arrived = self.hosts.probe(PORTS)
        wanted = {source: {target: 1 for target in PORTS if target != source} for source in PORTS}
        return arrived != wanted and f"{arrived}"

    def expired(self):
        """How often a partner was given up for silent."""
        text = self.daemon.appctl("lacp/show-stats")
        return sum(map(int, re.findall(r"Link Expired: (\d+)", text)))

    def through(self, what, work, end=lambda: None):
        """Does `work` and then `end`; what must hold meanwhile and afterwards."""
        expired, memory = self.expired(), self.daemon.memory()
        with Answers(self.daemon) as answers:
            told = work()
        slowest = sorted(answers.taken)
        print(f"{what}: {told}; {len(slowest)} answers, of 100 the 99th in "
              f"{slowest[len(slowest) * 99 // 100]:.0f} ms, the slowest in {slowest[-1]:.0f} ms; memory grew by "
              f"{(self.daemon.memory() - memory) / 1e6:.1f} MB", flush=True)
        self.daemon.must_run()
        if slowest[-1] > self.options.answer:
            raise Wrong(f"{what}: an answer took {slowest[-1]:.0f} ms")
        if self.expired() != expired:
            raise Wrong(f"{what}: LACP sessions expired:\n" + self.daemon.appctl("lacp/show-stats"))
        end()
        self.daemon.appctl("fdb/flush")  # what was looped is known to be in wrong places
        eventually(10, f"{what}: every port forwards again", self.forwarding)

    # ---- what happens

    def strangers(self):
        self.hosts.ask("stations", "h1", BYSTANDERS, 100)
        begin = time.monotonic()
        count = self.hosts.ask("stations", "h0", STRANGERS, self.options.addresses)
        rate = count / (time.monotonic() - begin)
        table = self.daemon.appctl("fdb/stats-show", "br0")
        entries, size = map(int, re.search(r"Current/maximum MAC entries in the table: (\d+)/(\d+)", table).groups())
        if entries > size:
            raise Wrong(f"{entries} entries of {size}")
        shown = self.daemon.appctl("fdb/show", "br0")
        kept = sum(f"02:00:00:00:00:{BYSTANDERS + i:02x}" in shown for i in range(100))
        if kept != 100:
            raise Wrong(f"of 100 stations of another port {kept} are still known")
        return f"{count} addresses at {rate / 1e3:.0f} thousand a second, table {entries} of {size}"

    def broadcasts(self):
        self.hosts.ask("broadcasts", "h0", 20, 0.001)
        time.sleep(self.options.seconds)
        counted = {name: row["statistics"] for name, row in self.daemon.interfaces("statistics").items()}
        packets = dict(counted["x0"][1])["tx_packets"]
        return f"{packets / self.options.seconds / 1e3:.0f} thousand frames a second through one of two cables"

    def cables(self):
        for near, far in (("x0", "x1"), ("y0", "y1")):
            veth(self.switch, near, self.switch, far)
        self.daemon.vsctl("add-port", "br0", "x0", "--", "add-port", "br0", "x1", "--",
                          "add-port", "br0", "y0", "--", "add-port", "br0", "y1")

    def patches(self):
        """A ring of three bridges, each joined to the next twice, with br0 in it."""
        ring, commands = ["br0", "br2", "br3"], []
        for bridge in ring[1:]:
            commands += ["--", "add-br", bridge]
        for number, bridge in enumerate(ring):
            after = (number + 1) % 3
            for which in "ab":
                for place, name, peer in ((bridge, f"r{number}{which}", f"l{after}{which}"),
                                          (ring[after], f"l{after}{which}", f"r{number}{which}")):
                    commands += ["--", "add-port", place, name, "--", "set", "interface", name, "type=patch",
                                 f"options:peer={peer}"]
        self.daemon.vsctl(*commands[1:])

    def rounds(self):
        begin = time.monotonic()
        count = self.hosts.ask("broadcasts", "h0", int(self.options.seconds * 100), 0.01)
        return f"{count} broadcasts in {time.monotonic() - begin:.1f} s"

    def remove(self, *ports):
        self.daemon.vsctl(*[word for port in ports for word in ("--", "del-port", port)][1:])

    def rehearse(self):
        self.through("strangers", self.strangers)
        self.cables()
        self.through("a loop of cables", self.broadcasts, lambda: self.remove("x0", "x1", "y0", "y1"))
        self.patches()
        self.through("a loop of patches", self.rounds, lambda: self.remove("r0a", "r0b", "l0a", "l0b"))
        self.daemon.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--addresses", type=int, default=1000000)
    parser.add_argument("--seconds", type=float, default=10, help="of each loop")
    parser.add_argument("--answer", type=float, default=100, help="milliseconds that one may take")
    options = parser.parse_args()
    return verdict(lambda stack: Storm(stack, options).rehearse())


if __name__ == "__main__":
    sys.exit(main())
