#!/usr/bin/env python3
"""How long ovs-vsctl takes, from its start to its exit: Open vSwitch's and ours, in turn.

Usage: main.py --bin DIR [--sizes 10,1000,6400] [--seconds N] [--fewest N] [--check]

Both switches run with dummy devices and have one bridge with as many interfaces as --sizes says;
each ovs-vsctl speaks to its own.  A call of the one is followed by one of the other, so that
whatever else the machine does hits both.  A line of the table is the median of the calls of --seconds
seconds, of --fewest at least.
--check makes missing a wanted ratio an error.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop"))
from switches import REFERENCE, Switch, reference_is_installed  # noqa: E402

CHUNK = 400  # interfaces that are added by one transaction
TURN = 0.2  # seconds


class Side(Switch):
    """A switch with the ovs-vsctl that goes with it."""

    def __init__(self, name, directory, vswitchd, vsctl):
        super().__init__(name, directory, vswitchd)
        self.vsctl = vsctl
        self.nothing = os.open(os.devnull, os.O_RDWR)
        self.count = 0

    def run(self, line):
        """The seconds that `line` takes; it must succeed."""
        actions = [(os.POSIX_SPAWN_DUP2, self.nothing, descriptor) for descriptor in (0, 1, 2)]
        begin = time.perf_counter()
        pid = os.posix_spawn(self.vsctl, ["ovs-vsctl", *line.split()], self.environment,
                             file_actions=actions)
        status = os.waitpid(pid, 0)[1]
        seconds = time.perf_counter() - begin
        if status != 0:
            raise RuntimeError(f"{self.name}: ovs-vsctl {line}: status {status}")
        return seconds

    def grow(self, size):
        """Until the bridge br0 has so many interfaces."""
        if self.count == 0:
            self.run("add-br br0")
            self.count = 1
        while self.count < size:
            numbers = range(self.count, min(size, self.count + CHUNK))
            operations, names = [], []
            for number in numbers:
                name = f"d{number:04}"
                operations += [
                    {"op": "insert", "table": "Interface", "uuid-name": "i" + name,
                     "row": {"name": name}},
                    {"op": "insert", "table": "Port", "uuid-name": "p" + name,
                     "row": {"name": name, "interfaces": ["named-uuid", "i" + name]}}]
                names.append(["named-uuid", "p" + name])
            operations.append({"op": "mutate", "table": "Bridge", "where": [],
                               "mutations": [["ports", "insert", ["set", names]]]})
            self.count += len(numbers)
            self.transact(operations)
        self.run("set bridge br0 external_ids:size=%d" % size)  # waits for the daemon


def provisioning():
    """What a script for ten racks does, in 500 calls."""
    for rack in range(10):
        bridge = f"rack{rack}"
        yield f"--may-exist add-br {bridge}"
        yield f"set bridge {bridge} other_config:mac-aging-time=600"
        for host in range(6):
            bond = f"r{rack}h{host}"
            yield f"--may-exist add-bond {bridge} {bond} {bond}a {bond}b lacp=active"
            yield f"set port {bond} bond_mode=balance-tcp"
            yield f"set port {bond} other_config:lacp-time=fast"
            yield f"set interface {bond}a external_ids:switch=1"
            yield f"set interface {bond}b external_ids:switch=2"
            yield f"get port {bond} lacp"
            yield f"port-to-br {bond}"
            yield f"list-ports {bridge}"


class Table:
    def __init__(self, sides, seconds, fewest):
        self.sides = sides
        self.seconds = seconds
        self.fewest = fewest
        self.medians = {}
        print("%-24s %6s  %14s  %8s  %6s" % ("", "", "Open vSwitch", "ours", "ratio"))

    def add(self, what, size, theirs, ours):
        self.medians[what, size] = (theirs, ours)
        print("%-24s %6s  %11.2f ms  %5.2f ms  %6.1f" % (
            what, size, theirs * 1e3, ours * 1e3, theirs / ours), flush=True)

    def measure(self, what, size, lines):
        """`lines` are run one after the other, and their times added.  A turn has several runs where
        they are short, so that both begin with what the other's calls left in the caches alike."""
        times = [[], []]
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end or len(times[0]) < self.fewest:
            for side, taken in zip(self.sides, times):
                turn = time.perf_counter() + TURN
                while not taken or time.perf_counter() < turn:
                    taken.append(sum(side.run(line) for line in lines))
        self.add(what, size, *(statistics.median(taken) for taken in times))

    def measure_script(self):
        """The script runs from its first call to its last against the one, then against the other:
        nobody provisions two switches by turns."""
        lines = list(provisioning())
        totals = [sum(side.run(line) for line in lines) for side in self.sides]
        self.add("script of %d calls" % len(lines), "", *totals)
        for bridge in range(10):
            for side in self.sides:
                side.run(f"del-br rack{bridge}")

    def check(self, sizes):
        """Prints what was wanted and what came of it; whether all is well."""
        small, large = sizes[0], sizes[-1]
        theirs_by_ours = lambda key: self.medians[key][0] / self.medians[key][1]
        growth = lambda what: self.medians[what, large][1] / self.medians[what, small][1]
        script = next(key for key in self.medians if key[0].startswith("script"))
        wanted = [
            (f"get at {large} is faster by", theirs_by_ours(("get", large)), 8, True),
            (f"get at {large} takes, of its time at {small},", growth("get"), 1.5, False),
            (f"add-port, del-port at {large} is faster by",
             theirs_by_ours(("add-port, del-port", large)), 20, True),
            (f"add-port, del-port at {large} takes, of its time at {small},",
             growth("add-port, del-port"), 2, False),
            ("the script is faster by", theirs_by_ours(script), 3, True)]
        good = True
        for text, figure, limit, at_least in wanted:
            met = figure >= limit if at_least else figure <= limit
            good = good and met
            print("%-58s %5.2f  (wanted: %s %g)%s" % (
                text, figure, "at least" if at_least else "at most", limit, "" if met else "  MISSED"))
        return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sizes", default="10,1000,6400")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--fewest", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not reference_is_installed():
        print("Open vSwitch is not installed: nothing to compare with")
        return 77
    sizes = [int(size) for size in options.sizes.split(",")]
    programs = os.path.abspath(options.bin)
    directory = tempfile.mkdtemp(prefix="bench-ctl-")
    sides = [Side("reference", os.path.join(directory, "theirs"), REFERENCE["vswitchd"],
                  "/usr/bin/ovs-vsctl"),
             Side("ours", os.path.join(directory, "ours"), os.path.join(programs, "ovs-vswitchd"),
                  os.path.join(programs, "ovs-vsctl"))]
    try:
        for side in sides:
            side.start_daemons()
        table = Table(sides, options.seconds, options.fewest)
        for size in sizes:
            for side in sides:
                side.grow(size)
            if size == sizes[0]:
                table.measure_script()
            table.measure("get", size, ["get interface d0005 ofport"])
            table.measure("add-port, del-port", size, ["add-port br0 new", "del-port br0 new"])
            table.measure("list interface", size, ["list interface"])
            table.measure("show", size, ["show"])
        return 0 if table.check(sizes) or not options.check else 1
    finally:
        for side in sides:
            side.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
