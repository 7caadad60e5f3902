#!/usr/bin/env python3
"""Many bonds with fast LACP: Debian's Open vSwitch and ours in turn, on the same machine.

Each runs with dummy devices and two bridges, br0 and br1, which N bonds of two members each patch
to each other; every member negotiates (lacp=active, lacp-time=fast), so 4 N sessions in one daemon.
Each is configured by its own ovs-vsctl, all bonds in one transaction, and asked by its own
ovs-appctl; --vsctl gives both the same one.  What is printed:

  configure           from ovs-vsctl's start to its end, when the daemon has done everything
  CPU of ...          the processor time within "configure", which a busy machine spoils less
  negotiated          from ovs-vsctl's start until all members carry traffic
  idle CPU            of all daemons' threads, LACP running, in per cent of one core
  memory              resident, of all daemons
  bond/show etc.      an answer over the control socket; "one" is a bond, else all; median
  appctl bond/show    the same for the whole of ovs-appctl, process start and all
  change              of one bond by ovs-vsctl, until the daemon has applied it; median

With --endure the sessions are watched for a time, while every five seconds one bond is changed, by
ovs-vsctl and over the database's socket alone ("daemon"):

  sessions expired    over all members, by "Link Expired" of lacp/show-stats
  off period          how far from a second LACPDUs followed each other: the half, 99 %, ... that
                      were best.  Ten more bonds on either bridge, of dummies joined by sockets,
                      record all that they send (options:tx_pcap), with the daemon's time stamps
"""

import argparse
import itertools
import os
import statistics
import sys
import time

from switches import REFERENCE_PROGRAMS, Switch, bondway_programs, reference_is_installed

SAMPLE = 10  # bonds of a bridge whose LACPDUs are recorded by --endure


def begin_with(switch, bonds):
    """Configures that many bonds; what it took until they have negotiated."""
    results = {}
    begin, tool, daemon = time.perf_counter(), switch.tools_cpu_seconds(), switch.cpu_seconds()
    results["configure, s"] = switch.configure(bonds)
    results["CPU of ovs-vsctl, s"] = switch.tools_cpu_seconds() - tool
    results["CPU of daemons, s"] = switch.cpu_seconds() - daemon
    switch.wait_until_negotiated()
    results["negotiated, s"] = time.perf_counter() - begin
    return results


def measure(switch, bonds, seconds):
    results = begin_with(switch, bonds)
    switch.cpu_share(3)  # the start is over
    results["idle CPU, %"] = 100 * switch.cpu_share(seconds)
    results["memory, MB"] = switch.memory() / 1e6
    results["bond/show one, ms"] = 1e3 * switch.answer_time("bond/show", "a0")
    results["bond/show, ms"] = 1e3 * switch.answer_time("bond/show")
    results["lacp/show one, ms"] = 1e3 * switch.answer_time("lacp/show", "a0")
    results["lacp/show, ms"] = 1e3 * switch.answer_time("lacp/show")
    results["appctl bond/show one, ms"] = 1e3 * switch.appctl_time("bond/show", "a0")
    results["appctl bond/show, ms"] = 1e3 * switch.appctl_time("bond/show")
    results["change, ms"] = 1e3 * statistics.median(switch.change_times())
    return results


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def endure(switch, bonds, seconds):
    """Watches that many bonds for so long, and changes one now and then."""
    results = begin_with(switch, bonds)
    switch.configure_sample(SAMPLE)
    switch.wait_until_negotiated()
    time.sleep(min(5, seconds))
    results["memory at first, MB"] = switch.memory() / 1e6
    begin, expired, used = time.time(), switch.link_expiries(), switch.cpu_seconds()
    by_tool, bare = [], []
    for n in itertools.count():
        left = begin + seconds - time.time()
        if left <= 0:
            break
        time.sleep(min(left, 5))
        by_tool += switch.change_times([n])
        bare += switch.bare_change_times([n])
    took = time.time() - begin
    switch.check_change(n - 1)
    switch.check_statistics()
    results["watched, s"] = took
    results["CPU with changes, %"] = 100 * (switch.cpu_seconds() - used) / took
    results["memory at last, MB"] = switch.memory() / 1e6
    results["sessions expired"] = switch.link_expiries() - expired
    late = [abs(period - 1) for period in switch.sampled_periods(begin)]
    results["LACPDUs sampled"] = len(late)
    for share in (0.5, 0.99, 0.999, 1):
        results[f"off period {100 * share:g} %, ms"] = 1e3 * percentile(late, share)
    for name, times in (("ovs-vsctl", by_tool), ("daemon", bare)):
        results[f"change, {name}, ms"] = 1e3 * statistics.median(times)
        results[f"change, {name} 95 %, ms"] = 1e3 * percentile(times, 0.95)
    return results


def print_table(bonds, columns):
    print(f"\nN = {bonds} ({4 * bonds} LACP sessions)")
    names = list(columns)
    print(f"{'':26}" + "".join(f"{name:>12}" for name in names) + "       ratio")
    for row in columns[names[0]]:
        values = [columns[name][row] for name in names]
        line = f"{row:26}" + "".join(f"{value:12.2f}" for value in values)
        if len(values) == 2:
            line += f"{values[1] / values[0]:12.2f}" if values[0] else f"{'-':>12}"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="the directory of our programs")
    parser.add_argument("--bonds", default="1,100,500,1600", help="N, several with commas")
    parser.add_argument("--seconds", type=float, default=10, help="of watching an idle daemon")
    parser.add_argument("--vsctl", help="the ovs-vsctl that configures both")
    parser.add_argument("--endure", type=float, metavar="SECONDS",
                        help="watch the sessions for so long, instead")
    parser.add_argument("--only", choices=["reference", "bondway"])
    options = parser.parse_args()

    switches = {"reference": REFERENCE_PROGRAMS,
                "bondway": bondway_programs(os.path.abspath(options.bin))}
    if options.only:
        switches = {options.only: switches[options.only]}
    if "reference" in switches and not reference_is_installed():
        print("the package openvswitch-switch is not installed")
        return 77
    for bonds in map(int, options.bonds.split(",")):
        columns = {}
        for name, programs in switches.items():
            with Switch(name, programs, options.vsctl) as switch:
                columns[name] = (endure(switch, bonds, options.endure) if options.endure else
                                 measure(switch, bonds, options.seconds))
        print_table(bonds, columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
