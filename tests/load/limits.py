#!/usr/bin/env python3
"""What the system refuses is told by the interface that it concerns, and by no other.

Usage: limits.py --bin DIR

No memory for a receive ring, none for the kernel's filters, no descriptors left; then all is well
again.
"""

import argparse
import os
import resource
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import Daemon, Hosts, Namespace, Wrong, eventually, veth, verdict

MEGABYTE = 1 << 20
UNLIMITED = resource.RLIM_INFINITY


class Limits:
    def __init__(self, stack, options):
        self.switch, hosts = Namespace(stack, "sw"), Namespace(stack, "hosts")
        for number in range(3):
            veth(hosts, f"h{number}", self.switch, f"s{number}")
        self.daemon = Daemon(stack, options.bin, self.switch)
        self.daemon.start()
        self.hosts = Hosts(stack, hosts)
        self.daemon.vsctl("add-br", "br0", "--", "add-port", "br0", "s0", "--", "add-port", "br0", "s1")
        eventually(10, "two ports forward", lambda: self.silent("h0", "h1"))

    def silent(self, *devices):
        """Whom nothing reaches."""
        arrived = self.hosts.probe(list(devices))
        wanted = {source: {target: 1 for target in devices if target != source} for source in devices}
        return arrived != wanted and f"{arrived}"

    def limit(self, which, soft):
        hard = resource.prlimit(self.daemon.pid, which)[1]
        before, _ = resource.prlimit(self.daemon.pid, which, (soft, hard))
        return before

    def expect(self, name, error, is_open):
        """It says that, the others nothing."""
        errors = {each: row["error"] for each, row in self.daemon.interfaces("error").items()}
        wanted = {each: error if each == name else None for each in errors}
        if errors != wanted:
            raise Wrong(f"errors {errors}, not {wanted}")
        number = self.daemon.interfaces("ofport")[name]["ofport"]
        if (number > 0) != is_open:
            raise Wrong(f"{name} has number {number}")

    def add(self):
        # Exits with 1 when the interface does not work.
        self.daemon.vsctl("add-port", "br0", "s2", check=False)

    def add_and_remove(self, error, is_open):
        self.add()
        self.expect("s2", error, is_open)
        if error and error not in self.daemon.log():
            raise Wrong(f"not in the log: {error}")
        eventually(5, "the others forward", lambda: self.silent("h0", "h1"))
        if is_open:
            eventually(5, "it forwards", lambda: self.silent("h0", "h1", "h2"))
        self.daemon.vsctl("del-port", "s2")
        print(error or "all is well again", flush=True)

    def no_memory_for_a_ring(self):
        """Its 4 MB are mapped at once."""
        with open(f"/proc/{self.daemon.pid}/statm", encoding="ascii") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        before = self.limit(resource.RLIMIT_AS, size + 3 * MEGABYTE)
        self.add_and_remove("s2: receives more slowly, without a ring: Cannot allocate memory", True)
        self.limit(resource.RLIMIT_AS, before)

    def no_memory_for_filters(self):
        before = self.switch.run("sysctl", "-n", "net.core.optmem_max", check=False).stdout.strip()
        if self.switch.run("sysctl", "-qw", "net.core.optmem_max=64", check=False).returncode != 0:
            print("net.core.optmem_max is not a namespace's own here: left out", flush=True)
            return
        self.add_and_remove("could not open network device s2 (Cannot allocate memory)", False)
        self.switch.run("sysctl", "-qw", "net.core.optmem_max=" + before)

    def no_descriptors(self):
        # One is left for ovs-vsctl's connection.
        used = max(int(name) for name in os.listdir(f"/proc/{self.daemon.pid}/fd")) + 1
        before = self.limit(resource.RLIMIT_NOFILE, used + 1)
        self.add_and_remove("could not open network device s2 (Too many open files)", False)
        self.limit(resource.RLIMIT_NOFILE, before)

    def rehearse(self):
        for refuse in (self.no_memory_for_a_ring, self.no_memory_for_filters, self.no_descriptors):
            holdings = self.daemon.descriptors()
            refuse()
            self.daemon.must_run()
            eventually(5, "descriptors as before", lambda held=holdings: self.daemon.descriptors() != held)
            self.add_and_remove(None, True)
        self.daemon.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    options = parser.parse_args()
    return verdict(lambda stack: Limits(stack, options).rehearse())


if __name__ == "__main__":
    sys.exit(main())
