"""A daemon on real links in a namespace of its own, and the hosts behind its ports.

Everything is entered into the caller's `contextlib.ExitStack`, so that it goes however the test
ends.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))

from namespaces import Namespace, run, veth  # pylint: disable=unused-import
from switches import Channel  # pylint: disable=unused-import
from verdict import Wrong, verdict  # pylint: disable=unused-import


def eventually(seconds, what, condition):
    """Repeats `condition`, which returns what is wrong or nothing, until nothing is."""
    deadline = time.monotonic() + seconds
    while wrong := condition():
        if time.monotonic() > deadline:
            raise Wrong(f"{what}, after {seconds} s: {wrong}")
        time.sleep(0.1)


class Daemon:
    """ovs-vswitchd in a namespace, its files in a temporary directory."""

    def __init__(self, stack, binaries, namespace):
        self.binaries, self.namespace, self.process = binaries, namespace, None
        self.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bondway-load-"))
        self.environment = dict(os.environ, OVS_RUNDIR=self.directory, OVS_LOGDIR=self.directory,
                                OVS_DBDIR=self.directory, LC_ALL="C", TZ="UTC")
        stack.callback(self.stop)

    def start(self):
        with open(os.path.join(self.directory, "console.log"), "ab") as console:
            self.process = self.namespace.popen(
                os.path.join(self.binaries, "ovs-vswitchd"), "--no-chdir", "--pidfile", "--log-file",
                env=self.environment, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=console,
                stderr=console)
        self.vsctl("--timeout=20", "--retry", "init")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self, by_signal=False):
        """It must end well, without a sanitizer's word; what it has not freed is told only when it is
        asked to exit."""
        if by_signal:
            self.process.send_signal(signal.SIGTERM)
        else:
            self.appctl("exit")
        status = self.process.wait(60)
        if status not in ((0, -signal.SIGTERM) if by_signal else (0,)):
            raise Wrong(f"the daemon ended with status {status}\n{self.console()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def must_run(self):
        if self.process.poll() is not None:
            raise Wrong(f"the daemon ended with status {self.process.returncode}\n{self.console()}")

    def console(self):
        with open(os.path.join(self.directory, "console.log"), errors="replace") as console:
            return console.read()[-6000:]

    def log(self):
        with open(os.path.join(self.directory, "ovs-vswitchd.log"), errors="replace") as log:
            return log.read()

    @property
    def pid(self):
        return self.process.pid  # `ip netns exec` becomes it

    def vsctl(self, *arguments, **keywords):
        return run(os.path.join(self.binaries, "ovs-vsctl"), "--timeout=60", *arguments,
                   env=self.environment, **keywords).stdout

    def appctl(self, *arguments, **keywords):
        return run(os.path.join(self.binaries, "ovs-appctl"), "--timeout=60", *arguments,
                   env=self.environment, **keywords).stdout

    def interfaces(self, *columns):
        """By name: {column: value}; an empty set is None."""
        answer = json.loads(self.vsctl("--format=json", "--columns=name," + ",".join(columns), "list",
                                       "interface"))
        table = {}
        for row in answer["data"]:
            values = dict(zip(answer["headings"], (None if v == ["set", []] else v for v in row)))
            table[values.pop("name")] = values
        return table

    # ---- what it holds

    def descriptors(self):
        """What its descriptors are, counted: {"socket": 12, "anon_inode:[eventpoll]": 2...}."""
        folder, kinds = f"/proc/{self.pid}/fd", {}
        for name in os.listdir(folder):
            try:
                kind = os.readlink(os.path.join(folder, name)).partition(":[")
            except FileNotFoundError:
                continue
            what = kind[0] if kind[0] != "anon_inode" else "".join(kind)
            kinds[what] = kinds.get(what, 0) + 1
        return kinds

    def memory(self):
        """Octets that are in real memory."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def packet_sockets(namespace):
    """How many there are."""
    return len(namespace.run("cat", "/proc/net/packet").stdout.splitlines()) - 1


def blocks(namespace):
    """What keeps frames from the host's network stack there: a table of nftables for each device."""
    text = namespace.run("nft", "list", "tables").stdout
    return [line for line in text.splitlines() if "bondway-" in line]


class Hosts:
    """A process in a namespace that sends and receives on its devices; see hosts.py."""

    def __init__(self, stack, namespace):
        self.process = namespace.popen(sys.executable, os.path.join(HERE, "hosts.py"),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self.stop)

    def stop(self):
        self.process.kill()
        self.process.communicate()

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        if not (line := self.process.stdout.readline()):
            raise Wrong("the hosts' process has ended")
        return json.loads(line)

    def probe(self, devices):
        """By sending device: {receiving device: copies of its frame that arrived there}."""
        return self.ask("probe", *devices)
