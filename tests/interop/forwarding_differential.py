#!/usr/bin/env python3
"""Forwarding of random bridges, compared with the installed Open vSwitch frame by frame.

Usage: forwarding_differential.py --bin DIR [--scripts N] [--seed N] [--steps N] [--jobs N]
                                  [--keep-going] [-v]

Both switches run on dummy devices with a stopped clock and take the same steps: bridges joined by
patch ports, with every VLAN mode, bonds without LACP, frames of every kind, changes and time.  Each
frame must leave both through the same ports with the same octets; the MAC tables, the statistics
and the answers of commands must be equal, too.  A script is made from its seed alone: `--seed N
--scripts 1 -v` repeats it.  Exits with 77 where the reference is not installed.
"""

import argparse
import collections
import multiprocessing
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dummy_differential import Pair
from forwarding_script import Script
from observation import compare_texts
from switches import reference_is_installed

PATIENCE = 100  # looks at statistics that are written a moment later
TRIES = 6
COUNTED = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")


class Side:
    """One of the two switches while it takes a script's steps."""

    def __init__(self, switch, directory):
        self.switch, self.directory = switch, directory
        self.is_reference = switch.name == "reference"
        os.makedirs(directory)
        self.traces = {}  # interface -> files

    # ---- steps; what they answer is compared

    def apply(self, operations):
        self.switch.apply([self.traced(operation) for operation in operations])
        self.settle()
        return ""

    def traced(self, operation):
        """An interface that is inserted writes what it sends to a file."""
        row = operation.get("row", {})
        if operation["op"] != "insert" or operation["table"] != "Interface" or "options" in row:
            return operation
        files = self.traces.setdefault(row["name"], [])
        files.append(os.path.join(self.directory, f"{row['name']}.{len(files)}.pcap"))
        return {**operation, "row": {**row, "options": ["map", [["tx_pcap", files[-1]]]]}}

    def replace_port(self, bridge, name, operations, ports):
        port = self.switch.transact([{"op": "select", "table": "Port", "columns": ["_uuid"],
                                      "where": [["name", "==", name]]}])[0]["rows"][0]["_uuid"]
        return self.apply([
            *operations,
            {"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]], "mutations": [
                ["ports", "delete", port],
                ["ports", "insert", ["set", [["named-uuid", p] for p in ports]]]]}])

    def receive(self, interface, frame):
        answer = self.switch.command("netdev-dummy/receive", interface, frame.hex())
        self.settle()
        return answer

    def command(self, *words):
        answer = self.switch.command(*words)
        self.settle()
        return answer

    def settle(self):
        """The reference takes a frame in the next pass of its main loop, and what its datapath
        has cached of it would be noted as a use of addresses at some later time."""
        if not self.is_reference:
            return
        for command in ("version", "revalidator/purge", "version"):
            self.switch.command(command)

    def look(self):
        """The MAC tables."""
        texts = []
        for bridge in sorted(self.switch.command("ofproto/list").split()):
            texts.append(f"{bridge}\n{sort_ages(self.switch.command('fdb/show', bridge))}\n" +
                         without_static(self.switch.command("fdb/stats-show", bridge)))
        return "\n".join(texts)

    def statistics(self, port_of):
        """Of interfaces and mirrors; of a bond's members together, since which of them carries a
        frame is chance."""
        interfaces, rows = self.switch.select(Interface=["name", "statistics"],
                                              Mirror=["name", "statistics"])
        sums = {}
        for name, row in interfaces.items():
            counters = dict(row["statistics"][1])
            total = sums.setdefault(port_of.get(name, name), dict.fromkeys(COUNTED, 0))
            for key in COUNTED:
                total[key] += counters.get(key, 0)
        lines = [f"{name} {sums[name]}" for name in sorted(sums)]
        lines += [f"{name} {sorted(rows[name]['statistics'][1])}" for name in sorted(rows)]
        return "\n".join(lines)

    # ---- frames

    def sent(self, port_of):
        """Frame number -> sorted (port, octets) of its copies; -1 for those without one."""
        copies = {}
        for interface, files in self.traces.items():
            for frame in frames_of(files):
                number = struct.unpack("!I", frame[-4:])[0]
                if not 0 < number < 100000:
                    number = -1
                copies.setdefault(number, []).append(
                    f"{port_of.get(interface, interface)}: {frame.hex()}")
        return {number: sorted(list_of) for number, list_of in copies.items()}


def frames_of(files):
    for path in files:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            continue
        at = 24
        while at + 16 <= len(data):
            length = struct.unpack_from("=I", data, at + 8)[0]
            yield data[at + 16:at + 16 + length]
            at += 16 + length


def sort_ages(text):
    """Least recently used first, but the reference does not note a use within the same second.  And
    it forgets that entries are static when mac-aging-time changes."""
    header, *rows = re.sub(r"-\d+$", "static", text, flags=re.M).splitlines()
    return "\n".join([header, *sorted(rows, key=lambda row: (row.split()[-1], row))])


def without_static(text):
    """The reference still counts static entries that went with their port."""
    return re.sub(r"  Current static MAC entries.*\n", "", text)


class Run:
    """One script on both switches."""

    def __init__(self, pair, seed, length, verbose):
        self.pair, self.seed, self.verbose = pair, seed, verbose
        self.script = Script(seed, length)
        self.directory = tempfile.mkdtemp(prefix="script-", dir=os.path.dirname(
            pair.ours.directory))
        self.sides = [Side(switch, os.path.join(self.directory, switch.name))
                      for switch in pair.switches]
        self.taken = []

    def difference(self):
        """None, or what differed, for a person to read."""
        try:
            found = self.take_steps()
            self.pair.clear()  # the reference writes the end of a trace when its device goes
            return self.patient_frames() or found
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def take_steps(self):
        for step in self.script.steps():
            self.taken.append(step)
            if self.verbose:
                print(f"{len(self.taken)}: {step.text}", flush=True)
            answers = [step.act(side) for side in self.sides]
            if step.text == "statistics":
                answers = self.patient_statistics(step, answers)
            if answers[0] != answers[1]:
                return self.report(step, compare_texts("answer", *answers))
        return None

    def patient_statistics(self, step, answers):
        for _ in range(PATIENCE):
            if answers[0] == answers[1]:
                break
            time.sleep(0.005)
            answers = [step.act(side) for side in self.sides]
        return answers

    def patient_frames(self):
        for _ in range(PATIENCE):
            found = self.compare_frames()
            if not found:
                break
            for side in self.sides:
                side.settle()
            time.sleep(0.005)
        return found

    def compare_frames(self):
        port_of = self.script.bond_of_members()
        reference, ours = [side.sent(port_of) for side in self.sides]
        for number in sorted(reference.keys() | ours.keys()):
            texts = ["\n".join(sent.get(number, [])) for sent in (reference, ours)]
            if texts[0] != texts[1]:
                return self.report(self.step_of(number), compare_texts("frames", *texts))
        return None

    def step_of(self, number):
        if number < 0:
            return None
        for step in self.taken:
            if step.frame and step.frame[-4:] == struct.pack("!I", number):
                return step
        return None

    def report(self, step, text):
        return f"script {self.seed}: {step.text if step else 'frames without a number'}\n{text}"


def lasting_difference(pair, seed, options):
    """How often it was tried, and None or what differed each time: the reference notes what its
    datapath has cached on threads of its own, and sometimes takes another course."""
    for tries in range(1, TRIES + 1):
        found = Run(pair, seed, options.steps, options.v).difference()
        if not found:
            break
        if options.v:
            print(f"try {tries}: {found}", flush=True)
    return tries, found


def run_scripts(options, seeds, results):
    """A pair of switches of its own takes seeds from the queue until there is none."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so through `finally`
    with tempfile.TemporaryDirectory(prefix="bondway-forward-") as directory:
        pair = Pair(directory, options.bin)
        try:
            pair.start()
            pair.clear()
            for seed in iter(seeds.get, None):
                results.put((seed, *lasting_difference(pair, seed, options)))
        except Exception:  # told to the parent, which would wait for ever
            results.put((-1, 0, traceback.format_exc()))
        finally:
            pair.stop()


def compare(options):
    """How many scripts were equal at the first try, the second ...; and the seeds of those that
    differed."""
    seeds, results = multiprocessing.Queue(), multiprocessing.Queue()
    wanted = range(options.seed, options.seed + options.scripts)
    for seed in wanted:
        seeds.put(seed)
    for _ in range(options.jobs):
        seeds.put(None)
    workers = [multiprocessing.Process(target=run_scripts, args=(options, seeds, results))
               for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    equal, failed = collections.Counter(), []
    try:
        for _ in wanted:
            seed, tries, found = results.get()
            if not found:
                equal[tries] += 1
                continue
            failed.append(seed)
            print(found, flush=True)
            if not options.keep_going or seed < 0:
                break
    finally:
        if failed and not options.keep_going:
            for worker in workers:
                worker.terminate()
        for worker in workers:
            worker.join()
    return equal, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--scripts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    if not reference_is_installed():
        print("Open vSwitch is not installed")
        return 77
    options.bin = os.path.abspath(options.bin)
    started = time.monotonic()
    equal, failed = compare(options)
    print(f"{equal.total()} scripts without a difference, {len(failed)} with one "
          f"{sorted(failed)[:50]}, {time.monotonic() - started:.0f} s; by tries: "
          f"{dict(sorted(equal.items()))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
