#!/usr/bin/env python3
"""Many processes change one bridge at once: nothing is lost, nothing is there twice.

Usage: concurrency.py --bin DIR [--processes N] [--seconds N] [--seed N] [--server ours|reference]

Every process adds and removes ports and bonds with names of its own, members of its own bonds, and
settings, each by a call of ovs-vsctl; now and then all reach for the same name, which only one may
get.  In the end the bridge must have exactly what the processes think they left there, in the
database as in the daemon.  --server reference has the installed ovsdb-server and no daemon.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from databases import Database

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from switches import Switch  # noqa: E402


class Worker:
    def __init__(self, number, options, environment):
        self.number = number
        self.rng = random.Random("%d %d" % (options.seed, number))
        self.program = os.path.join(options.bin, "ovs-vsctl")
        self.environment = environment
        self.wait = [] if options.server == "ours" else ["--no-wait"]
        self.ports = {}  # name: its interfaces
        self.shared = 0  # how often it got the name that all want, and gave it back
        self.calls = 0

    def run_tool(self, *words):
        self.calls += 1
        result = subprocess.run([self.program, *self.wait, *words], env=self.environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                check=False, timeout=120)
        return result.stdout, result.stderr, result.returncode

    def must(self, *words):
        out, err, status = self.run_tool(*words)
        if (err, status) != ("", 0):
            raise RuntimeError("ovs-vsctl %s: %r, status %d" % (" ".join(words), err, status))
        return out

    def new_name(self):
        return "w%dn%d" % (self.number, self.calls)

    def add_port(self):
        name = self.new_name()
        self.must("add-port", "br0", name)
        self.ports[name] = [name]

    def add_bond(self):
        name = self.new_name()
        members = [name + suffix for suffix in "abc"[:self.rng.randint(2, 3)]]
        self.must("add-bond", "br0", name, *members, "lacp=active", "--", "set", "port", name,
                  "bond_mode=balance-slb", "other_config:lacp-time=fast")
        self.ports[name] = members

    def delete(self):
        if self.ports:
            name = self.rng.choice(sorted(self.ports))
            self.must("del-port", "br0", name)
            del self.ports[name]

    def change_bond(self):
        bonds = sorted(name for name, members in self.ports.items() if len(members) > 1)
        if not bonds:
            return
        name = self.rng.choice(bonds)
        members = self.ports[name]
        if len(members) > 2 and self.rng.random() < 0.5:
            self.must("del-bond-iface", name, members[-1])
            members.pop()
        else:
            member = self.new_name()
            self.must("add-bond-iface", name, member)
            members.append(member)

    def count(self):
        """All add to one map of the bridge, each under its own key."""
        self.must("set", "bridge", "br0", "external_ids:w%d=%d" % (self.number, self.calls))

    def grab(self):
        """One may have it; the others are told so."""
        out, err, status = self.run_tool("add-port", "br0", "shared")
        if status == 0:
            self.shared += 1
            self.must("del-port", "br0", "shared")
        elif "because a port named shared already exists on bridge br0" not in err:
            raise RuntimeError("add-port shared: %r, status %d" % (err, status))

    def work(self, end):
        steps = [self.add_port, self.add_bond, self.delete, self.change_bond, self.count, self.grab]
        while time.monotonic() < end:
            self.rng.choice(steps)()


def run_worker(number, options, environment, end, results):
    worker = Worker(number, options, environment)
    try:
        worker.work(end)
        error = ""
    except Exception as exception:  # noqa: BLE001: told by the parent
        error = str(exception)
    results.put((number, worker.ports, worker.shared, worker.calls, error))


def run_workers(options, environment):
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    end = time.monotonic() + options.seconds
    workers = [context.Process(target=run_worker,
                               args=(number, options, environment, end, results))
               for number in range(options.processes)]
    for worker in workers:
        worker.start()
    collected = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sorted(collected)


def names_of(rows):
    return {row["_uuid"][1]: row["name"] for row in rows}


def uuids(value):
    return [atom[1] for atom in (value[1] if value[0] == "set" else [value])]


def compare(what, expected, found):
    if sorted(expected) == sorted(found):
        return 0
    print("%s: missing %s, too many %s" % (what, sorted(set(expected) - set(found)),
                                           sorted(set(found) - set(expected))))
    return 1


def check_database(expected, tables):
    """Ports and interfaces are there exactly once, and belong together as they should."""
    interfaces, ports = names_of(tables["Interface"]), names_of(tables["Port"])
    found = {row["name"]: sorted(interfaces.get(u, "?") for u in uuids(row["interfaces"]))
             for row in tables["Port"]}
    wrong = compare("ports", expected, [row["name"] for row in tables["Port"]])
    wrong += compare("interfaces", sum(expected.values(), []),
                     [row["name"] for row in tables["Interface"]])
    wrong += compare("ports of the bridge", expected,
                     [ports.get(u, "?") for u in uuids(tables["Bridge"][0]["ports"])])
    for name, members in expected.items():
        wrong += compare("members of " + name, members, found.get(name, []))
    return wrong


def check_daemon(expected, switch):
    """The daemon has set up what the database says, and nothing else."""
    shown = [line.split()[0] for line in switch.command("dpif/show").split("\n")
             if line.startswith("    ")]
    wrong = compare("interfaces of the datapath", sum(expected.values(), []), shown)
    bonds = [line.split("\t")[0] for line in switch.command("bond/list").split("\n")[1:] if line]
    return wrong + compare("bonds", [n for n, members in expected.items() if len(members) > 1],
                           bonds)


def contents(database):
    return {table: database.transact([{"op": "select", "table": table, "where": []}])[0]["rows"]
            for table in ("Bridge", "Port", "Interface")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", default="ours", choices=["ours", "reference"])
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    directory = tempfile.mkdtemp(prefix="concurrency-")
    where = os.path.join(directory, "run")
    if options.server == "ours":
        server = Switch("ours", where, os.path.join(options.bin, "ovs-vswitchd"))
        server.start_daemons()
    else:
        server = Database(where)
    try:
        Worker(0, options, server.environment).must("add-br", "br0")
        results = run_workers(options, server.environment)
        expected = {"br0": ["br0"]}
        wrong = 0
        for number, ports, _, _, error in results:
            expected.update(ports)
            if error:
                print("process %d: %s" % (number, error))
                wrong += 1
        wrong += check_database(expected, contents(server))
        if options.server == "ours":
            wrong += check_daemon(expected, server)
        print("seed %d: %d processes, %d calls, %d ports left, shared name got %d times: %s" % (
            options.seed, options.processes, sum(r[3] for r in results), len(expected),
            sum(r[2] for r in results), "%d wrong" % wrong if wrong else "all well"))
        return 1 if wrong else 0
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
