"""The ends of a link aggregation on real links: ours, the reference, and the bonding driver or teamd
of a small emulated Linux (tests/peers/linux-bonding).  All are asked and told the same way.
"""

import base64
import dataclasses
import json
import os
import re
import signal
import subprocess
from typing import NamedTuple, Optional

import frames
import pcap
from namespaces import Namespace, run, tap, veth
from switches import REFERENCE, Switch

RUN_PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "linux-bonding",
                        "run-peer.sh")
PROGRAMS = ["-p", "libteam-utils", "-p", "iperf3"]  # in the one image for all guests


class Party(NamedTuple):
    """What one port is, as its own side or the other one has it."""
    system_priority: int
    system: str
    key: int
    port_priority: int
    port: int
    state: str  # the flags' words


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an end presents itself; None is its own default."""
    active: bool = True
    fast: bool = True
    system_priority: Optional[int] = None
    system: Optional[str] = None
    key: Optional[int] = None
    port_priority: Optional[int] = None  # of the first port; the others follow
    mode: str = "balance-tcp"  # only a switch's

    def __str__(self):
        own = [f"{name.replace('_', ' ')} {value}" for name, value in (
            ("system_priority", self.system_priority), ("system", self.system), ("key", self.key),
            ("port_priority", self.port_priority)) if value is not None]
        return " ".join(["active" if self.active else "passive", "fast" if self.fast else "slow",
                         *own])


class SystemSwitch(Switch):
    """A switch on the devices of a namespace."""

    options = []

    def __init__(self, name, directory, vswitchd, namespace):
        super().__init__(name, directory, vswitchd)
        self.prefix = namespace.prefix

    def start(self):
        self.start_daemons()


class SwitchEnd:
    """Open vSwitch, ours or the reference: bridge br0 with an address, port bond0."""

    def __init__(self, stack, name, binaries, address, directory):
        """`binaries` is the folder of ours, or None for the reference."""
        self.name, self.address, self.devices = name, address, []
        self.namespace = Namespace(stack, name)
        vswitchd = os.path.join(binaries, "ovs-vswitchd") if binaries else REFERENCE["vswitchd"]
        self.vsctl_program = os.path.join(binaries or "/usr/bin", "ovs-vsctl")
        self.directory = os.path.join(directory, name)
        self.switch = SystemSwitch(name, self.directory, vswitchd, self.namespace)
        stack.callback(self.stop)

    def start(self):
        self.switch.start()
        self.vsctl("--may-exist", "add-br", "br0", "--", "set", "bridge", "br0",
                   "datapath_type=netdev")
        self.namespace.ip("address", "replace", self.address + "/24", "dev", "br0")
        self.namespace.ip("link", "set", "br0", "up")

    def stop(self):
        self.thaw()
        self.switch.stop()

    def restart(self):
        self.switch.stop()
        self.start()

    def end(self):
        """Ends the daemon; returns what is wrong with how it went, such as a sanitizer's word."""
        daemon = self.switch.processes[-1]
        daemon.terminate()
        status = daemon.wait(20)
        if status in (0, -signal.SIGTERM):  # as the reference: the signal's default comes last
            return None
        with open(os.path.join(self.directory, "console.log"), errors="replace") as console:
            return f"daemon {self.name} ended with status {status}\n{console.read()[-4000:]}"

    def vsctl(self, *arguments):
        return run(self.vsctl_program, "--timeout=20", *arguments, env=self.switch.environment).stdout

    def configure(self, settings):
        """A new bond of all devices."""
        self.settings = settings
        port = [f"bond_mode={settings.mode}", "lacp=" + ("active" if settings.active else "passive"),
                "other_config:lacp-time=" + ("fast" if settings.fast else "slow")]
        for key, value in (("lacp-system-priority", settings.system_priority),
                           ("lacp-system-id", settings.system and json.dumps(settings.system))):
            if value is not None:
                port.append(f"other_config:{key}={value}")
        interfaces = []
        for number, device in enumerate(self.devices):
            own = [f"other_config:{name}={value}" for name, value in (
                ("lacp-aggregation-key", settings.key),
                ("lacp-port-priority", settings.port_priority and settings.port_priority + number),
                ("lacp-port-id", settings.key and 100 + number)) if value is not None]
            if own:
                interfaces += ["--", "set", "interface", device, *own]
        self.vsctl("--if-exists", "del-port", "bond0", "--", "add-bond", "br0", "bond0",
                   *self.devices, *port, *interfaces)

    def deconfigure(self):
        self.vsctl("--if-exists", "del-port", "bond0")

    def ports(self):
        """By cable: (what it is, what it takes its partner for, lacp/show's words about it)."""
        members = lacp_members(self.switch.command("lacp/show", "bond0"))
        return [members[device] for device in self.devices]

    def freeze(self):
        os.kill(self.switch.processes[-1].pid, signal.SIGSTOP)

    def thaw(self):
        if self.switch.processes and self.switch.alive():
            os.kill(self.switch.processes[-1].pid, signal.SIGCONT)

    def pings(self, address, **how):
        return self.namespace.pings(address, **how)

    def describe(self):
        return "".join(self.switch.command(*command) for command in (
            ("lacp/show",), ("lacp/show-stats",), ("bond/show",)))


def lacp_members(text):
    """Of lacp/show's answer, by member: actor, partner, and the words behind its name."""
    members = {}
    for block in text.split("\nmember: ")[1:]:
        block = block.partition("\n---- ")[0]
        name, _, status = block.partition("\n")[0].partition(": ")
        members[name] = (lacp_party(block, "actor"), lacp_party(block, "partner"), status)
    return members


def lacp_party(block, side):
    value = dict(re.findall(rf"^  {side} (\w+): ?(.*)$", block, re.MULTILINE))
    return Party(int(value["sys_priority"]), value["sys_id"], int(value["key"]),
                 int(value["port_priority"]), int(value["port_id"]), value["state"])


class Cables:
    """Two veth pairs from our namespace to the other end's: carrier is lost on both sides."""

    def __init__(self, stack, ours, far, directory, first=0, record=True):
        self.ours, self.far = ours, far
        self.near_devices = [f"a{i}" for i in range(first, first + 2)]
        self.far_devices = [f"b{i}" for i in range(first, first + 2)]
        self.recorders = []
        for near, there in zip(self.near_devices, self.far_devices):
            veth(ours.namespace, near, far.namespace, there)
            if record:
                self.recorders.append(pcap.Recorder(
                    stack, far.namespace, there, os.path.join(directory, near + ".pcap")))
        ours.devices += self.near_devices
        far.devices += self.far_devices

    def recorded(self):
        return [recorder.path for recorder in self.recorders]

    def cut(self, number):
        self.far.namespace.ip("link", "set", self.far_devices[number], "down")

    def mend(self, number):
        self.far.namespace.ip("link", "set", self.far_devices[number], "up")


class Guest:
    """The emulated Linux, on two taps: `kind` is bonding or teamd."""

    def __init__(self, stack, name, kind, ours, address, directory, first=0, record=True):
        self.name, self.kind, self.address, self.record = name, kind, address, record
        self.ours, self.directory = ours, os.path.join(directory, name)
        self.peer_name = f"bw{os.getpid()}-{name}"
        self.near_devices = [f"a{i}" for i in range(first, first + 2)]
        self.dumps = []  # a folder for each boot
        for device in self.near_devices:
            tap(ours.namespace, device)
        ours.devices += self.near_devices
        stack.callback(self.stop)

    def start(self):
        self.dumps.append(os.path.join(self.directory, str(len(self.dumps))))
        os.makedirs(self.dumps[-1])
        run(RUN_PEER, "start", "-n", self.peer_name, "--netns", self.ours.namespace.name,
            "-m", "none", *PROGRAMS, *(["--dump", self.dumps[-1]] if self.record else []),
            *self.near_devices, timeout=240)
        self.execute("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")

    def stop(self):
        run(RUN_PEER, "stop", "-n", self.peer_name, check=False)

    def restart(self):
        self.stop()
        self.start()
        self.configure(self.settings)

    def execute(self, script):
        return run(RUN_PEER, "exec", "-n", self.peer_name, "-", input=script).stdout

    def configure(self, settings):
        """Away with the last bond, if any, and a new one made of all ports."""
        self.settings = settings
        words = {"RATE": "fast" if settings.fast else "slow", "ADDRESSES": self.address + "/24",
                 "MTU": "", "OPTS": "", "TEAM_CONFIG": ""}
        words.update(self.bonding(settings) if self.kind == "bonding" else self.team(settings))
        export = " ".join(f"{name}='{value}'" for name, value in words.items())
        self.execute(f"""{REMOVE_BOND}
export {export}
exec guest-setup""")

    def deconfigure(self):
        self.execute(REMOVE_BOND)

    @staticmethod
    def bonding(settings):
        options = [f"{name}={value}" for name, value in (
            ("lacp_active", "on" if settings.active else "off"),
            ("ad_actor_sys_prio", settings.system_priority), ("ad_actor_system", settings.system),
            ("ad_user_port_key", settings.key)) if value is not None]
        return {"MODE": "802.3ad", "OPTS": " ".join(options)}

    def team(self, settings):
        runner = {"name": "lacp", "active": settings.active, "fast_rate": settings.fast,
                  "tx_hash": ["eth", "ipv4", "ipv6"]}
        if settings.system_priority is not None:
            runner["sys_prio"] = settings.system_priority
        ports = {}
        for number in range(len(self.near_devices)):
            ports[f"eth{number}"] = {name: value for name, value in (
                ("lacp_key", settings.key),
                ("lacp_prio", settings.port_priority and settings.port_priority + number))
                if value is not None}
        whole = {"device": "team0", "runner": runner, "link_watch": {"name": "ethtool"},
                 "ports": ports}
        return {"MODE": "team:lacp",
                "TEAM_CONFIG": base64.b64encode(json.dumps(whole).encode()).decode()}

    def ports(self):
        """By cable: (what it is, what it takes its partner for, the driver's word for it)."""
        return self.bonding_ports() if self.kind == "bonding" else self.team_ports()

    def bonding_ports(self):
        text = self.execute("cat /proc/net/bonding/bond0")
        ports = []
        for block in text.split("Slave Interface: ")[1:]:
            actor, _, partner = block.partition("details partner lacp pdu:")
            ports.append((bonding_party(actor), bonding_party(partner), ""))
        return ports

    def team_ports(self):
        state = json.loads(self.execute("teamdctl team0 state dump"))
        runners = [state["ports"][f"eth{i}"]["runner"] for i in range(len(self.near_devices))]
        return [(team_party(runner["actor_lacpdu_info"]), team_party(runner["partner_lacpdu_info"]),
                 runner["state"]) for runner in runners]

    def recorded(self):
        """By cable, since the last boot."""
        return [os.path.join(self.dumps[-1], device + ".pcap") for device in self.near_devices]

    def all_recorded(self):
        return [os.path.join(dump, device + ".pcap") for dump in self.dumps
                for device in self.near_devices]

    def cut(self, number):
        self.cut_there(number)
        self.ours.namespace.ip("link", "set", self.near_devices[number], "down")

    def mend(self, number):
        self.mend_there(number)
        self.ours.namespace.ip("link", "set", self.near_devices[number], "up")

    def cut_there(self, number):
        """The guest sees no carrier; our side sees one, and hears nothing."""
        run(RUN_PEER, "link", "-n", self.peer_name, self.near_devices[number], "off")

    def mend_there(self, number):
        run(RUN_PEER, "link", "-n", self.peer_name, self.near_devices[number], "on")

    def freeze(self):
        run(RUN_PEER, "pause", "-n", self.peer_name)

    def thaw(self):
        run(RUN_PEER, "resume", "-n", self.peer_name)

    def pings(self, address, count=5, interval=1):
        text = self.execute(f"ping -c {count} -W 1 {address} || true")
        found = re.search(r"(\d+) packets received", text)
        return int(found[1]) if found else 0

    def describe(self):
        return self.execute("cat /proc/net/bonding/bond0" if self.kind == "bonding" else
                            "teamdctl team0 state dump")


REMOVE_BOND = """
[ ! -e /sys/class/net/bond0 ] || echo -bond0 > /sys/class/net/bonding_masters
[ ! -e /sys/class/net/team0 ] || teamd -k -t team0
while [ -e /sys/class/net/team0 ]; do usleep 10000; done
for port in $(cd /sys/class/net && echo eth*); do ip link set $port down; done
"""


def bonding_party(text):
    values = dict(re.findall(r"^    ([\w ]+): (\S+)$", text, re.MULTILINE))
    return Party(int(values["system priority"]), values["system mac address"],
                 int(values.get("port key", values.get("oper key", 0))),
                 int(values["port priority"]), int(values["port number"]),
                 frames.words(int(values["port state"])))


def team_party(values):
    return Party(values["system_priority"], values["system"], values["key"],
                 values["port_priority"], values["port"], frames.words(values["state"]))


def can_emulate():
    """None, or why there cannot be a guest."""
    try:
        subprocess.run(["qemu-system-x86_64", "--version"], check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        return "qemu-system-x86 is not installed"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    built = run(RUN_PEER, "build", *PROGRAMS, check=False, timeout=600)
    return None if built.returncode == 0 else "no image for the guest: " + built.stdout.strip()
