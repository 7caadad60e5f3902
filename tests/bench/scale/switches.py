"""The two switches under measurement: Debian's Open vSwitch and ours, each with its own temporary
directory, dummy devices and its own command-line tools."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
REFERENCE_PROGRAMS = {"ovs-vswitchd": "/usr/sbin/ovs-vswitchd",
                      "ovsdb-server": "/usr/sbin/ovsdb-server",
                      "ovsdb-tool": "/usr/bin/ovsdb-tool", "ovs-vsctl": "/usr/bin/ovs-vsctl",
                      "ovs-appctl": "/usr/bin/ovs-appctl"}
BONDS_PER_COMMAND = 1600  # what a command line can hold, with room to spare


def reference_is_installed():
    return os.path.exists(SCHEMA) and all(map(os.path.exists, REFERENCE_PROGRAMS.values()))


def bondway_programs(directory):
    return {name: os.path.join(directory, name) for name in REFERENCE_PROGRAMS}


class Channel:
    """JSON-RPC 1.0 over a unix socket, one request at a time; requests are what is measured, so
    answers are not parsed before they are complete."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(300)
        self.socket.connect(path)

    def call(self, method, params):
        """The result, and how long it took to arrive, in seconds."""
        request = json.dumps({"id": 1, "method": method, "params": params}).encode()
        begin = time.perf_counter()
        self.socket.sendall(request)
        chunks = []
        while not chunks or not chunks[-1].endswith(b"}"):
            chunks.append(self.socket.recv(1 << 20))
            if not chunks[-1]:
                raise EOFError("the switch closed its socket")
            took = time.perf_counter() - begin
            if chunks[-1].endswith(b"}"):
                try:
                    answer = json.loads(b"".join(chunks))
                except json.JSONDecodeError:  # a brace in the middle
                    chunks.append(b" ")
        if answer["error"] is not None:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"], took


class Switch:
    """A running switch: two bridges, patched to each other by bonds of two members each."""

    def __init__(self, name, programs, vsctl=None):
        self.name, self.programs = name, programs
        self.vsctl_program = vsctl or programs["ovs-vsctl"]
        self.directory = tempfile.mkdtemp(prefix=f"scale-{name}-")
        self.environment = dict(os.environ, OVS_RUNDIR=self.directory, OVS_LOGDIR=self.directory,
                                OVS_DBDIR=self.directory, LC_ALL="C", TZ="UTC")
        self.processes = []
        self.bonds = self.sampled = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def spawn(self, *arguments):
        with open(os.path.join(self.directory, "console.log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                arguments, env=self.environment, cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log))
        return self.processes[-1]

    def start(self):
        self.database_path = os.path.join(self.directory, "db.sock")
        remote = []
        if self.programs is REFERENCE_PROGRAMS:
            file = os.path.join(self.directory, "conf.db")
            self.run(self.programs["ovsdb-tool"], "create", file, SCHEMA)
            self.spawn(self.programs["ovsdb-server"], "--no-chdir", "--pidfile", "--log-file",
                       "--remote=punix:" + self.database_path, file)
            remote = ["unix:" + self.database_path]
            self.wait_for(self.database_path)
        daemon = self.spawn(self.programs["ovs-vswitchd"], "--no-chdir", "--pidfile", "--log-file",
                            "--enable-dummy=override", "--disable-system", *remote)
        self.control_path = os.path.join(self.directory, f"ovs-vswitchd.{daemon.pid}.ctl")
        self.wait_for(self.database_path, self.control_path)
        self.vsctl("--no-wait", "init")
        self.vsctl("add-br", "br0", "--", "add-br", "br1")
        self.control = Channel(self.control_path)

    def wait_for(self, *paths):
        deadline = time.monotonic() + 20
        while not all(map(os.path.exists, paths)):
            if time.monotonic() > deadline or any(p.poll() is not None for p in self.processes):
                with open(os.path.join(self.directory, "console.log")) as log:
                    raise RuntimeError(f"{self.name} does not start: {log.read()}")
            time.sleep(0.01)
        time.sleep(0.1)  # between making a socket and listening

    def run(self, *arguments):
        return subprocess.run(arguments, env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def vsctl(self, *arguments):
        return self.run(self.vsctl_program, *arguments)

    # ---- what is measured

    def configure(self, bonds):
        """Adds that many bonds to each bridge; seconds until they are all there."""
        commands = []
        for n in range(self.bonds, self.bonds + bonds):
            commands.append(add_bond("br0", "a", "b", n) + add_bond("br1", "b", "a", n))
        self.bonds += bonds
        begin = time.perf_counter()
        for first in range(0, len(commands), BONDS_PER_COMMAND):
            self.vsctl(*sum(commands[first:first + BONDS_PER_COMMAND], []))
        return time.perf_counter() - begin

    def configure_sample(self, bonds):
        """Adds that many more bonds to each bridge whose members are dummies, joined by sockets
        rather than patches, and record in a file each what they send and when."""
        for n in range(bonds):
            self.vsctl(*sample_bond("br0", "c", n, "pstream=punix:", self.directory),
                       *sample_bond("br1", "d", n, "stream=unix:", self.directory))
        self.sampled = bonds

    def sampled_periods(self, begin):
        """Seconds between each two LACPDUs that a sampled member has sent since `begin`, by the
        daemon's own time stamps."""
        periods = []
        for member in (f"{bond}{n}{letter}" for bond in "cd" for n in range(self.sampled)
                       for letter in "xy"):
            times = [t for t in capture_times(f"{self.directory}/{member}.pcap") if t >= begin]
            periods += [later - earlier for earlier, later in zip(times, times[1:])]
        return periods

    def wait_until_negotiated(self, timeout=120):
        """Until all members of all bonds carry traffic."""
        deadline = time.monotonic() + timeout
        while True:
            shown, _ = self.control.call("bond/show", [])
            enabled = len(re.findall(r"^member .*: enabled$", shown, re.MULTILINE))
            bonds = self.bonds + self.sampled
            if (enabled == 4 * bonds and
                    shown.count("lacp_status: negotiated\n") == 2 * bonds):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {enabled} of {4 * bonds} members enabled")
            time.sleep(0.05)

    def cpu_seconds(self):
        """Processor time of all threads of all daemons so far."""
        total = 0
        for process in self.processes:
            for task in os.listdir(f"/proc/{process.pid}/task"):
                with open(f"/proc/{process.pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def cpu_share(self, seconds):
        """Of one core, in the next so many seconds."""
        begin, used = time.monotonic(), self.cpu_seconds()
        time.sleep(seconds)
        return (self.cpu_seconds() - used) / (time.monotonic() - begin)

    @staticmethod
    def tools_cpu_seconds():
        """Processor time of all tools that have ended so far."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def memory(self):
        """Resident octets of all daemons."""
        total = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/status") as file:
                total += 1024 * int(re.search(r"VmRSS:\s*(\d+) kB", file.read()).group(1))
        return total

    def answer_time(self, *command, times=21):
        """Median seconds from a command's sending to its answer, over the control socket."""
        return statistics.median(self.control.call(command[0], list(command[1:]))[1]
                                 for _ in range(times))

    def appctl_time(self, *command, times=21):
        """The same for ovs-appctl as a person runs it: start of the process to its end."""
        def once():
            begin = time.perf_counter()
            self.run(self.programs["ovs-appctl"], *command)
            return time.perf_counter() - begin
        return statistics.median(once() for _ in range(times))

    def change_times(self, numbers=range(21)):
        """Seconds that ovs-vsctl takes to change one bond and see it applied, each time."""
        def once(n):
            port = f"a{n * 37 % self.bonds}"
            begin = time.perf_counter()
            self.vsctl("set", "port", port, f"bond_updelay={n % 7 + 1}")
            return time.perf_counter() - begin
        return [once(n) for n in numbers]

    def check_change(self, n):
        """That bond/show tells what both kinds of change number `n` have set."""
        for port, line in ((f"a{n * 37 % self.bonds}", f"\nupdelay: {n % 7 + 1} ms\n"),
                           (f"a{n * 41 % self.bonds}", f"\ndowndelay: {n % 7 + 1} ms\n")):
            shown, _ = self.control.call("bond/show", [port])
            assert line in shown, shown

    def check_statistics(self):
        """That the statistics of all members have been written since they negotiated."""
        channel = Channel(self.database_path)
        (found,), _ = channel.call("transact", ["Open_vSwitch", {
            "op": "select", "table": "Interface", "where": [["type", "==", "patch"]],
            "columns": ["name", "statistics"]}])
        channel.socket.close()
        assert len(found["rows"]) == 4 * self.bonds
        for row in found["rows"]:
            assert dict(row["statistics"][1])["tx_packets"] > 0, row

    def bare_change_times(self, numbers=range(21)):
        """The same without ovs-vsctl: from the transaction's sending to cur_cfg's being there."""
        channel = Channel(self.database_path)
        def once(n):
            port = f"a{n * 41 % self.bonds}"
            (*_, number), took = channel.call("transact", ["Open_vSwitch", {
                "op": "update", "table": "Port", "where": [["name", "==", port]],
                "row": {"bond_downdelay": n % 7 + 1}}, *NEXT_CFG])
            wanted = number["rows"][0]["next_cfg"]
            answer, waited = channel.call("transact", ["Open_vSwitch", {
                "op": "wait", "table": "Open_vSwitch", "where": [], "until": "==",
                "timeout": 60000, "columns": ["cur_cfg"], "rows": [{"cur_cfg": wanted}]}])
            assert answer == [{}], answer
            return took + waited
        times = [once(n) for n in numbers]
        channel.socket.close()
        return times

    def link_expiries(self):
        """How often a session has lost its partner so far, over all members."""
        shown, _ = self.control.call("lacp/show-stats", [])
        counts = re.findall(r"^\s*Link Expired: (\d+)$", shown, re.MULTILINE)
        assert len(counts) == 4 * (self.bonds + self.sampled), f"{len(counts)} have statistics"
        return sum(map(int, counts))


NEXT_CFG = [{"op": "mutate", "table": "Open_vSwitch", "where": [],
             "mutations": [["next_cfg", "+=", 1]]},
            {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}]


def sample_bond(bridge, name, n, stream, directory):
    members = [f"{name}{n}{letter}" for letter in "xy"]
    words = ["--", "add-bond", bridge, f"{name}{n}", *members, "lacp=active",
             "other_config:lacp-time=fast"]
    for member, letter in zip(members, "xy"):
        words += ["--", "set", "interface", member, "type=dummy",
                  f"options:{stream}{directory}/{n}{letter}.sock",
                  f"options:tx_pcap={directory}/{member}.pcap"]
    return words


def capture_times(path):
    """When each slow-protocol frame in a capture file was sent, in seconds since 1970."""
    with open(path, "rb") as file:
        octets = file.read()
    at, times = 24, []
    while at + 16 <= len(octets):
        seconds, microseconds, size, _ = struct.unpack_from("<IIII", octets, at)
        if octets[at + 16 + 12:at + 16 + 14] == b"\x88\x09":
            times.append(seconds + microseconds / 1e6)
        at += 16 + size
    return times


def add_bond(bridge, ours, theirs, n):
    members = [f"{ours}{n}{letter}" for letter in "xy"]
    words = ["--", "add-bond", bridge, f"{ours}{n}", *members, "lacp=active",
             "other_config:lacp-time=fast"]
    for member, letter in zip(members, "xy"):
        words += ["--", "set", "interface", member, "type=patch",
                  f"options:peer={theirs}{n}{letter}"]
    return words
