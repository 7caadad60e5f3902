#!/usr/bin/env python3
"""Drives the installed Open vSwitch and ours with the same random scripts and compares them.

Usage: dummy_differential.py --bin DIR [--scripts N] [--seed N] [--steps N] [--jobs N]
                             [--keep-going] [-v]

Both run on dummy devices with a stopped clock.  After every step the answers of the commands, the
status columns and the frames that were sent must be equal, except for what intended.py lists.  A
script is made from its seed alone: `--seed N --scripts 1` repeats it.  Exits with 77 where the
reference is not installed.
"""

import argparse
import collections
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from frames import ethernet
from observation import Comparison, Recorder
from scripts import Script
from switches import REFERENCE, Switch, reference_is_installed


def align_seconds(switch):
    """Brings the stopped clock of the reference to a whole second: it counts the age of a MAC
    address in seconds of its clock, ours in seconds since the frame."""
    switch.apply([
        {"op": "insert", "table": "Interface", "uuid-name": "interface",
         "row": {"name": "clock", "type": "internal"}},
        {"op": "insert", "table": "Port", "uuid-name": "port",
         "row": {"name": "clock", "interfaces": ["named-uuid", "interface"]}},
        {"op": "insert", "table": "Bridge", "uuid-name": "bridge",
         "row": {"name": "clock", "datapath_type": "dummy", "ports": ["named-uuid", "port"]}},
        {"op": "mutate", "table": "Open_vSwitch", "where": [],
         "mutations": [["bridges", "insert", ["named-uuid", "bridge"]]]}])
    frame = ethernet("ff:ff:ff:ff:ff:ff", "50:00:00:00:00:01", None, "ipv4", 1)
    switch.command("netdev-dummy/receive", "clock", frame.hex())
    for second, step in enumerate((100, 10, 1), start=1):
        while not switch.command("fdb/show", "clock").endswith(f" {second}\n"):
            switch.warp([step])
        if step > 1:
            switch.warp([1000 - 2 * step])


class Pair:
    """The reference and ours, taking every step together."""

    def __init__(self, directory, binaries):
        self.reference = Switch("reference", os.path.join(directory, "reference"),
                                REFERENCE["vswitchd"])
        self.ours = Switch("ours", os.path.join(directory, "ours"),
                           os.path.join(binaries, "ovs-vswitchd"))
        self.switches = (self.reference, self.ours)

    def start(self):
        for switch in self.switches:
            switch.start()
        align_seconds(self.reference)

    def clear(self):
        for switch in self.switches:
            switch.apply([{"op": "update", "table": "Open_vSwitch", "where": [],
                           "row": {"bridges": ["set", []]}}])
            switch.command("time/warp", "1000")

    def stop(self):
        for switch in self.switches:
            switch.stop()


def run_script(pair, pool, seed, options):
    """None, or what differed."""
    pair.clear()
    directory = tempfile.mkdtemp(prefix="script-", dir=os.path.dirname(pair.ours.directory))
    script = Script(seed)
    recorders = [Recorder(switch, os.path.join(directory, switch.name), script.about_data)
                 for switch in pair.switches]
    comparison = Comparison(recorders, pool)
    found = None
    for number, step in enumerate(script.steps(options.steps, recorders[0])):
        if options.v:
            print(f"{number}: {step}", flush=True)
        found = comparison.take(step)
        if found:
            found = f"script {seed}, step {number}: {step}\n{found}"
            break
    for step in script.whole_second():  # where the next script begins
        comparison.both(step.perform)
    shutil.rmtree(directory, ignore_errors=True)
    return found, comparison.excuses.total


def run_scripts(options, seeds, found):
    """One pair of switches takes seeds until there are no more, and tells what differed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so through `finally`
    with tempfile.TemporaryDirectory(prefix="bondway-diff-") as directory, \
            ThreadPoolExecutor(2) as pool:
        pair = Pair(directory, options.bin)
        try:
            pair.start()
            while (seed := seeds.get()) is not None:
                found.put((seed, *run_script(pair, pool, seed, options)))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pair.stop()


def results(options, workers, seeds, found):
    """What every script found, as they end."""
    for seed in range(options.seed, options.seed + options.scripts):
        seeds.put(seed)
    for _ in workers:
        seeds.put(None)
    for worker in workers:
        worker.start()
    for _ in range(options.scripts):
        while found.empty():
            time.sleep(0.05)
            if any(worker.exitcode for worker in workers):
                raise SystemExit("a switch, or what drives it, has died")
        yield found.get()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--scripts", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=1, help="pairs of switches, side by side")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    if not reference_is_installed():
        print("Open vSwitch is not installed")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so through `finally`
    started, equal, failed = time.monotonic(), 0, []
    excuses = collections.Counter()
    seeds, found = multiprocessing.Queue(), multiprocessing.SimpleQueue()
    workers = [multiprocessing.Process(target=run_scripts, args=(options, seeds, found))
               for _ in range(options.jobs)]
    try:
        for seed, difference, excused in results(options, workers, seeds, found):
            excuses += excused
            if not difference:
                equal += 1
                continue
            failed.append(seed)
            print(difference, flush=True)
            if not options.keep_going:
                break
    finally:
        for worker in workers:
            if equal + len(failed) < options.scripts:
                worker.terminate()
            worker.join()
        print(f"{equal} scripts without a difference, {len(failed)} with one {sorted(failed)}, "
              f"{time.monotonic() - started:.0f} s")
        print(f"{excuses.pop('steps', 0)} steps; ports excused in a step, by row of the table: " +
              ", ".join(f"{row}: {count}" for row, count in sorted(excuses.items(), key=str)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
