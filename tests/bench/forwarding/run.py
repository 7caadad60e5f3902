#!/usr/bin/env python3
"""Forwarding, measured side by side on one topology and in one run:

    generator namespace            switch namespace               sink namespace
      g0 ======= veth ======= s0 --- switch --- m0, m1 === veth === p0, p1
                                               (a bond)

Switches: the reference (Debian's Open vSwitch, userspace datapath), Bondway, the kernel's own bridge
(m0 alone) and a bare redirecting program (s0 to m0), this machine's limit.

    tests/bench/forwarding/run.py BINARIES [--switches a,b] [--parts frames,tcp,steady,cut,busy,idle,lacp]
                                  [--rounds N]

In a round every switch has its turn at every part.  Of several rounds the table shows the median, and
of what must not happen (loss, disorder, expiry) the worst.

BINARIES is the bin/ of a Release build with -DBONDWAY_BENCH=ON.  Needs root, iperf3 and, for the
reference, openvswitch-switch.  Every namespace, process and file is this run's own and goes with it.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SWITCHES = ["reference", "bondway", "bridge", "redirect"]
PARTS = ["frames", "steady", "cut", "tcp", "busy", "idle", "lacp"]
FRAMES = [(60, 1), (60, 256), (1514, 1), (1514, 256)]
MODES = ["active-backup", "balance-slb", "balance-tcp"]
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


class Topology:
    """The three namespaces, their cables, and one switch in the middle."""

    def __init__(self, kind, binaries):
        self.kind, self.binaries = kind, binaries
        self.prefix = f"bwf{os.getpid()}"
        self.directory = tempfile.mkdtemp(prefix="bondway-bench.")
        self.processes = []
        self.environment = dict(os.environ, OVS_RUNDIR=self.directory, OVS_LOGDIR=self.directory,
                                OVS_DBDIR=self.directory, OVS_CTL_TIMEOUT="60")

    def space(self, name):
        return f"{self.prefix}-{name}"

    def ip(self, name, *arguments):
        return run("ip", "-n", self.space(name), *arguments)

    def inside(self, name, *command):
        return ["ip", "netns", "exec", self.space(name), *command]

    def spawn(self, name, *command, **options):
        process = subprocess.Popen(self.inside(name, *command), env=self.environment,
                                   stderr=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def __enter__(self):
        try:
            for name in ("gen", "sw", "sink"):
                run("ip", "netns", "add", self.space(name))
                run(*self.inside(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                                 "net.ipv6.conf.default.disable_ipv6=1"))
            self.cable("gen", "g0", "s0")
            self.cable("sink", "p0", "m0")
            self.cable("sink", "p1", "m1")
            getattr(self, "start_" + self.kind)()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()
        for name in ("gen", "sw", "sink"):
            subprocess.run(["ip", "netns", "del", self.space(name)], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def cable(self, name, outer, inner):
        run("ip", "link", "add", outer, "netns", self.space(name), "type", "veth", "peer", "name", inner,
            "netns", self.space("sw"))
        self.ip(name, "link", "set", outer, "up")
        self.ip("sw", "link", "set", inner, "up")

    # ---- switches

    def start_reference(self):
        self.tools = "/usr/bin"
        database = os.path.join(self.directory, "conf.db")
        run("/usr/bin/ovsdb-tool", "create", database, SCHEMA)
        remote = "unix:" + os.path.join(self.directory, "db.sock")
        self.spawn("sw", "/usr/sbin/ovsdb-server", "--remote=p" + remote, "--no-chdir", "--log-file", database)
        self.await_file("db.sock")
        self.vsctl("--no-wait", "init")
        self.daemon = self.spawn("sw", "/usr/sbin/ovs-vswitchd", "--pidfile", "--no-chdir", "--log-file", remote)
        self.configure()

    def start_bondway(self):
        self.tools = self.binaries
        self.daemon = self.spawn("sw", os.path.join(self.binaries, "ovs-vswitchd"), "--pidfile", "--no-chdir",
                                 "--log-file")
        self.await_file("db.sock")
        self.configure()

    def start_bridge(self):
        self.ip("sw", "link", "add", "kb", "type", "bridge")
        for device in ("s0", "m0"):
            self.ip("sw", "link", "set", device, "master", "kb")
        self.ip("sw", "link", "set", "kb", "up")

    def start_redirect(self):
        load = os.path.join(self.binaries, "forwarding_load")
        for source, target in (("s0", "m0"), ("m0", "s0")):
            process = subprocess.Popen([load, "--redirect", f"{self.space('sw')}/{source}", "--redirect-to", target])
            self.processes.append(process)
        time.sleep(0.3)

    def await_file(self, name):
        deadline = time.monotonic() + 20
        while not os.path.exists(os.path.join(self.directory, name)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind}: no {name}")
            time.sleep(0.02)

    def vsctl(self, *arguments):
        return run(*self.inside("sw", os.path.join(self.tools, "ovs-vsctl"), *arguments), env=self.environment)

    def appctl(self, *arguments):
        return run(*self.inside("sw", os.path.join(self.tools, "ovs-appctl"), *arguments), env=self.environment)

    def configure(self):
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "--",
                   "add-port", "br0", "s0", "--", "add-bond", "br0", "bond0", "m0", "m1",
                   "bond_mode=active-backup")
        time.sleep(0.5)

    @property
    def is_switch(self):
        return self.kind in ("reference", "bondway")

    @property
    def daemon_pid(self):
        """The daemon's own, behind `ip netns exec`, which becomes it."""
        return self.daemon.pid

    # ---- measurements

    def load(self, *arguments):
        sinks = f"{self.space('sink')}/p0" + (f",{self.space('sink')}/p1" if self.is_switch else "")
        return json.loads(run(os.path.join(self.binaries, "forwarding_load"), "--from", f"{self.space('gen')}/g0",
                              "--to", sinks, *map(str, arguments)))

    def partner(self):
        return self.spawn("sink", os.path.join(self.binaries, "forwarding_partner"), "p0", "p1",
                          stdout=subprocess.PIPE, text=True)

    def set_mode(self, mode):
        lacp = ["lacp=active", "other_config:lacp-time=fast"] if mode == "balance-tcp" else ["lacp=off"]
        self.vsctl("set", "port", "bond0", f"bond_mode={mode}", *lacp)

    def hosts(self):
        """Addresses at both ends; the far one is a bridge that does not pass frames from p0 to p1."""
        self.ip("gen", "addr", "add", "10.9.0.1/24", "dev", "g0")
        self.ip("sink", "link", "add", "kb", "type", "bridge")
        self.ip("sink", "link", "set", "kb", "up")
        for device in ("p0", "p1") if self.is_switch else ("p0",):
            self.ip("sink", "link", "set", device, "master", "kb")
            run("bridge", "-n", self.space("sink"), "link", "set", "dev", device, "isolated", "on")
        self.ip("sink", "addr", "add", "10.9.0.2/24", "dev", "kb")

    def ping(self):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if subprocess.run(self.inside("gen", "ping", "-q", "-c1", "-W1", "10.9.0.2"), capture_output=True,
                              check=False).returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def tcp(self, *direction):
        if not self.ping():
            return 0.0
        server = self.spawn("sink", "iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        try:
            answer = run(*self.inside("gen", "iperf3", "-c", "10.9.0.2", "-t", "3", "-J",
                                      "--connect-timeout", "3000", *direction), timeout=15)
            return json.loads(answer)["end"]["sum_received"]["bits_per_second"] / 1e9
        except (subprocess.SubprocessError, KeyError):
            return 0.0
        finally:
            server.terminate()
            server.wait()

    def cpu_seconds(self):
        with open(f"/proc/{self.daemon_pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- parts: each returns {name: number} for one switch


def frames(topology):
    result = {}
    for size, flows in FRAMES:
        answer = topology.load("--size", size, "--flows", flows, "--seconds", 2)
        result[f"{size + 4}-octet frames, {flows} flows: kpps"] = answer["forwarded"] / 1e3
        result[f"{size + 4}-octet frames, {flows} flows: offered kpps"] = answer["offered"] / 1e3
    return result


def steady(topology):
    answer = topology.load("--rate", 50000, "--flows", 16, "--seconds", 5)
    return {"50 kpps: lost": answer["lost"], "50 kpps: duplicated": answer["duplicated"],
            "50 kpps: reordered": answer["reordered"], "50 kpps: longest silence, ms": answer["silence_ms"],
            "50 kpps: the same, machine's pauses aside": answer["own_silence_ms"]}


def cut(topology):
    if not topology.is_switch:
        return {}
    answer = topology.load("--rate", 10000, "--flows", 16, "--cuts", 20)
    return {"carrier cut: silence, ms (median of 20)": answer["silence_ms"],
            "carrier cut: the same, machine's pauses aside": answer["own_silence_ms"],
            "carrier cut: silence, ms (longest)": answer["silence_most_ms"],
            "carrier cut: longest, machine's pauses aside": answer["own_silence_most_ms"],
            "carrier cut: frames lost at 10 kpps (median)": answer["lost"]}


def tcp(topology):
    result = {}
    topology.hosts()
    partner = None
    for mode in MODES if topology.is_switch else ["-"]:
        if topology.is_switch:
            topology.set_mode(mode)
        if mode == "balance-tcp":
            partner = topology.partner()
        result[f"TCP, {mode}, there: Gbit/s"] = topology.tcp()
        result[f"TCP, {mode}, back: Gbit/s"] = topology.tcp("-R")
    if partner:
        partner.terminate()
    return result


def busy(topology):
    """A thousand ports come and go while frames pass; before, as long without."""
    if not topology.is_switch:
        return {}
    cables = "".join(f"link add veth{index} type veth peer name peer{index}\n"
                     f"link set veth{index} up\nlink set peer{index} up\n" for index in range(1000))
    subprocess.run(topology.inside("sw", "ip", "-batch", "-"), input=cables, text=True, check=True)
    time.sleep(2)
    return {**watched(topology, "no change", lambda: {}),
            **come_and_go(topology, "patch", lambda index: ["type=patch", f"options:peer=none{index}"]),
            **come_and_go(topology, "internal", lambda _: ["type=internal"]),
            **come_and_go(topology, "veth", lambda _: ["type=system"])}


def come_and_go(topology, kind, settings):
    what = f"1,000 {kind} ports"
    additions, removals = [], []
    for index in range(1000):
        port = f"{kind}{index}"
        additions += ["--", "add-port", "br0", port, "--", "set", "interface", port, *settings(index)]
        removals += ["--", "del-port", "br0", port]

    def change():
        begin = time.monotonic()
        topology.vsctl(*additions[1:])
        added = time.monotonic()
        topology.vsctl(*removals[1:])
        return {f"{what}: added in, s": added - begin, f"{what}: removed in, s": time.monotonic() - added}

    return watched(topology, what, change)


def watched(topology, what, change, seconds=30):
    """What became of 50,000 frames a second, and how they fared while `change` was made, all the time for none."""
    load = subprocess.Popen([os.path.join(topology.binaries, "forwarding_load"), "--from",
                             f"{topology.space('gen')}/g0", "--to",
                             f"{topology.space('sink')}/p0,{topology.space('sink')}/p1", "--rate", "50000",
                             "--flows", "16", "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
    topology.processes.append(load)
    end = time.monotonic() + seconds
    time.sleep(1)
    begin = time.time()
    result = change()
    changed = time.time() if result else begin + seconds
    if time.monotonic() > end - 1:
        print(f"# the load ended before {what} had come and gone", file=sys.stderr)
    answer = json.loads(load.communicate()[0])
    silences = [each for each in answer["silences"] if begin < each[0] + each[1] / 1e3 and each[0] < changed]
    return {**result, f"{what} meanwhile: lost at 50 kpps": answer["lost"],
            f"{what} meanwhile: longest silence, ms": max((each[1] for each in silences), default=1),
            f"{what} meanwhile: the same, machine's pauses aside": max((each[2] for each in silences), default=1)}


def idle(topology):
    """Two bonds, the second one talking to itself: LACP, fast."""
    if not topology.is_switch:
        return {}
    for near, far in (("n0", "f0"), ("n1", "f1")):
        run("ip", "link", "add", near, "netns", topology.space("sw"), "type", "veth", "peer", "name", far,
            "netns", topology.space("sw"))
        for device in (near, far):
            topology.ip("sw", "link", "set", device, "up")
    fast = ["lacp=active", "other_config:lacp-time=fast"]
    for bridge, bond, prefix in (("br1", "bond1", "n"), ("br2", "bond2", "f")):
        topology.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", "--",
                       "add-bond", bridge, bond, prefix + "0", prefix + "1", *fast)
    time.sleep(5)
    before = topology.cpu_seconds()
    time.sleep(30)
    return {"idle, three bonds, two of them with LACP: CPU, %": (topology.cpu_seconds() - before) / 30 * 100}


def lacp(topology, seconds=600):
    """Both members negotiate, fast, while 64-octet frames saturate the switch."""
    if topology.kind != "bondway":
        return {}
    topology.vsctl("set", "port", "bond0", "bond_mode=balance-tcp", "lacp=active",
                   "other_config:lacp-time=fast")
    partner = topology.partner()
    time.sleep(4)
    answer = topology.load("--flows", 256, "--seconds", seconds)
    shown = topology.appctl("lacp/show-stats", "bond0")
    expired = sum(int(line.split(":")[1]) for line in shown.splitlines() if "Link Expired" in line)
    partner.send_signal(signal.SIGTERM)
    told = json.loads(partner.communicate()[0])
    return {"saturated with LACP: minutes": seconds / 60, "saturated with LACP: kpps": answer["forwarded"] / 1e3,
            "saturated with LACP: expired here": expired, "saturated with LACP: expired at the partner": told["expired"],
            "saturated with LACP: still negotiated": int(told["negotiated"])}


def table(results):
    kinds = list(results)
    names = list(dict.fromkeys(name for kind in kinds for name in results[kind]))
    lines = ["| " + " | ".join(["", *kinds]) + " |", "|" + " --- |" * (len(kinds) + 1)]
    for name in names:
        cells = []
        for kind in kinds:
            value = results[kind].get(name)
            cells.append("" if value is None else f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}")
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def measure(part, kind, arguments):
    with Topology(kind, os.path.abspath(arguments.binaries)) as topology:
        if part == "lacp":
            answer = lacp(topology, arguments.lacp_seconds)
        else:
            answer = globals()[part](topology)
        print(f"# {kind}: {part}: {answer}", file=sys.stderr, flush=True)
        return answer


def summary(name, values):
    must_not_happen = any(word in name for word in ("lost", "duplicated", "reordered", "expired"))
    return max(values) if must_not_happen else statistics.median(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries")
    parser.add_argument("--switches", default=",".join(SWITCHES))
    parser.add_argument("--parts", default=",".join(PARTS[:-1]))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--lacp-seconds", type=float, default=600)
    parser.add_argument("--json", help="write the results to this file, too")
    arguments = parser.parse_args()
    seen = {kind: {} for kind in arguments.switches.split(",")}
    for _ in range(arguments.rounds):
        for part in arguments.parts.split(","):
            for kind in seen:
                for name, value in measure(part, kind, arguments).items():
                    seen[kind].setdefault(name, []).append(value)
    results = {kind: {name: summary(name, values) for name, values in by_name.items()}
               for kind, by_name in seen.items()}
    print(table(results))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
