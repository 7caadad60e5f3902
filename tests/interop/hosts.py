#!/usr/bin/env python3
"""Two Linux hosts talk through our bond as they would over a cable, their offloads untouched.

Usage: hosts.py --bin DIR [--short] [--seconds N] switches|guest

    host left -- s0 --- br0 -- bond0 ==== two cables ==== the other end -- host right

`switches`: ours is at both ends, in each bond mode, with and without LACP.  `guest`: the other end
is the bond or team of an emulated Linux.  Ping, TCP and UDP both ways, data compared by digest; untagged, in
a VLAN of access ports or of the guest, and in one of the hosts where the kernel has VLAN devices;
all of it once more with frames of 9000 octets.  Exits with 77 where iperf3 or the emulated Linux is
not to be had.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from ends import Cables, Guest, Settings, SwitchEnd, can_emulate
from namespaces import Namespace, veth
from verdict import Wrong, verdict

PORT = 5001  # of the digests
JUMBO = 9000
LEFT, RIGHT = "10.78.0.1", "10.78.0.2"              # untagged
LEFT_TAGGED, RIGHT_TAGGED = "10.78.10.1", "10.78.10.2"  # VLAN 10, by the hosts
LEFT_ACCESS, RIGHT_ACCESS = "10.78.20.1", "10.78.20.2"  # VLAN 20, by access ports or the guest

SEND = """
import socket, sys
data = bytes(i * 7 & 255 for i in range(65521)) * 64
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
peer.sendall(data)
peer.shutdown(socket.SHUT_WR)
peer.recv(1)
"""
DATA = bytes(i * 7 & 255 for i in range(65521)) * 64  # what SEND sends
TAKE = """
import hashlib, socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
server.settimeout(20)
print("ready", flush=True)
peer, digest = server.accept()[0], hashlib.sha256()
while octets := peer.recv(65536):
    digest.update(octets)
print(digest.hexdigest())
"""


class Host:
    """A namespace with two veths to its switch: h0 on a trunk port, h1 on an access port."""

    def __init__(self, stack, name, switch, plain, access, tagged):
        self.namespace, self.devices = Namespace(stack, name), ["h0", "h1"]
        for device, port, address in (("h0", "s0", plain), ("h1", "s1", access)):
            veth(self.namespace, device, switch.namespace, port)
            self.namespace.ip("address", "add", address + "/24", "dev", device)
        if knows_vlans():
            self.devices.append("h0.10")
            self.namespace.ip("link", "add", "link", "h0", "name", "h0.10", "type", "vlan", "id", "10")
            self.namespace.ip("link", "set", "h0.10", "up")
            self.namespace.ip("address", "add", tagged + "/24", "dev", "h0.10")
        for device in ("h0", "h1"):
            offloads_are_on(self, device)

    def set_mtu(self, mtu):
        for device in self.devices:
            self.namespace.ip("link", "set", device, "mtu", str(mtu))

    def serve(self, address):
        """An iperf3 server for one test."""
        server = self.namespace.popen("iperf3", "-s", "-1", "-B", address, "--forceflush",
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while "listening" not in server.stdout.readline():
            if server.poll() is not None:
                raise Wrong(f"no iperf3 server on {address}")
        return server

    def stop(self, server):
        server.terminate()
        server.communicate()

    def iperf(self, address, *options):
        text = self.namespace.run("iperf3", "-c", address, "-J", *options, check=False).stdout
        return json.loads(text[text.index("{"):])  # behind a warning, perhaps

    def take(self, address):
        taker = self.namespace.popen(sys.executable, "-c", TAKE, address, str(PORT),
                                     stdout=subprocess.PIPE, text=True)
        taker.stdout.readline()
        return taker

    def taken(self, taker):
        return taker.communicate(timeout=30)[0].strip()

    def send(self, address):
        self.namespace.run(sys.executable, "-c", SEND, address, str(PORT))


class GuestHost:
    """The emulated Linux is host and end of the bond in one."""

    def __init__(self, guest):
        self.guest = guest

    def serve(self, address):
        self.guest.execute(f"/usr/bin/iperf3 -s -1 -D -B {address} -I /tmp/iperf3.pid > /dev/null 2>&1; "
                           "until netstat -ltn | grep -q :5201; do usleep 10000; done")
        return address

    def stop(self, _):
        self.guest.execute("kill $(cat /tmp/iperf3.pid) 2> /dev/null || true; "
                           "while netstat -ltn | grep -q :5201; do usleep 10000; done")

    def take(self, _):
        self.guest.execute(f"nc -l -p {PORT} < /dev/null > /tmp/taken 2> /dev/null & "
                           f"until netstat -ltn | grep -q :{PORT}; do usleep 10000; done")

    def taken(self, _):
        return self.guest.execute(f"while pidof nc > /dev/null; do usleep 10000; done; "
                                  "sha256sum < /tmp/taken").split()[0]

    def set_mtu(self, mtu):
        self.guest.execute(f"for d in eth0 eth1 {self.bond()} {self.bond()}.20; do "
                           f"ip link set $d mtu {mtu}; done")

    def bond(self):
        return "bond0" if self.guest.kind == "bonding" else "team0"

    def add_vlan(self, address):
        bond = self.bond()
        self.guest.execute(f"""ip link add link {bond} name {bond}.20 type vlan id 20
ip link set {bond}.20 up
ip address add {address}/24 dev {bond}.20""")


class Conversation:
    def __init__(self, left, right, seconds):
        self.left, self.right, self.seconds = left, right, seconds
        self.began = time.monotonic()

    def claim(self, text):
        print(f"   {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def ping(self, name, address, size):
        deadline = time.monotonic() + 15
        host = self.left.namespace
        while host.pings(address, count=1) != 1:
            if time.monotonic() > deadline:
                raise Wrong(f"{name}: {address} does not answer")
        text = host.run("ping", "-n", "-c", "5", "-i", "0.1", "-M", "do", "-s", str(size - 28), address,
                        check=False).stdout
        if " 5 received" not in text:
            raise Wrong(f"{name}: ping with {size} octets:\n{text}")

    def measure(self, name, address, *options):
        """iperf3's summary."""
        server = self.right.serve(address)
        try:
            answer = self.left.iperf(address, *options)
        finally:
            self.right.stop(server)
        if "error" in answer:
            raise Wrong(f"{name}: iperf3 {' '.join(options)}: {answer['error']}")
        return answer["end"]

    def talk(self, name, address, mtu):
        self.ping(name, address, mtu)
        forth, back = (self.rate(name, address, *options) for options in ((), ("-R",)))
        if min(forth, back) < 5e6:
            raise Wrong(f"{name}: TCP at {forth / 1e6:.1f} and {back / 1e6:.1f} Mbit/s")
        lost = [self.lost(name, address, mtu, *options) for options in ((), ("-R",))]
        taker = self.right.take(address)
        self.left.send(address)
        if self.right.taken(taker) != hashlib.sha256(DATA).hexdigest():
            raise Wrong(f"{name}: TCP brought other data than was sent")
        self.claim(f"{name}, MTU {mtu}: ping; TCP {forth / 1e6:.0f} and {back / 1e6:.0f} Mbit/s, data "
                   f"intact; UDP {lost[0]} and {lost[1]} lost")

    def rate(self, name, address, *options):
        """Bits per second at the receiver of TCP."""
        extent = ("-t", str(self.seconds)) if self.seconds else ("-n", "20M")
        end = self.measure(name, address, *extent, *options)
        return end["sum_received"]["bits_per_second"]

    def lost(self, name, address, mtu, *options):
        """UDP, 200 datagrams a second of the largest size that needs no fragments.  A few may be lost
        to a machine that has no time for the receiver."""
        size = mtu - 28
        count = 200 * self.seconds or 60
        end = self.measure(name, address, "-u", "-l", str(size), "-b", str(200 * 8 * size), "-k",
                           str(count), *options)
        packets, lost = end["sum"]["packets"], end["sum"]["lost_packets"]
        if packets < count or lost > packets // 20:
            raise Wrong(f"{name}: {lost} of {packets} datagrams lost")
        return f"{lost} of {packets}"


def offloads_are_on(host, device):
    text = host.namespace.run("ethtool", "-k", device).stdout
    for feature in ("tx-checksumming", "tcp-segmentation-offload"):
        if f"{feature}: on" not in text:
            raise Wrong(f"{feature} of {device} is not on, as it is by default:\n{text}")


@functools.cache
def knows_vlans():
    """Whether this kernel has VLAN devices."""
    with contextlib.ExitStack() as stack:
        namespace = Namespace(stack, "vlan")
        return namespace.ip("link", "add", "link", "lo", "name", "v", "type", "vlan", "id", "1",
                            check=False).returncode == 0


def start(end):
    end.start()
    end.vsctl("add-port", "br0", "s0", "--", "add-port", "br0", "s1", "tag=20")


def set_mtu(end, mtu):
    for device in (*end.devices, "s0", "s1"):
        end.namespace.ip("link", "set", device, "mtu", str(mtu))


def mtus(options, mode):
    return (1500, JUMBO) if not options.short else (1500,) if mode == "balance-slb" else (JUMBO,)


def between_switches(stack, options, directory):
    ends = [SwitchEnd(stack, name, options.bin, f"10.79.0.{i}", directory)
            for i, name in enumerate(("near", "far"), 1)]
    Cables(stack, *ends, directory, record=False)
    left = Host(stack, "left", ends[0], LEFT, LEFT_ACCESS, LEFT_TAGGED)
    right = Host(stack, "right", ends[1], RIGHT, RIGHT_ACCESS, RIGHT_TAGGED)
    for end in ends:
        start(end)
    conversation = Conversation(left, right, options.seconds)
    for mode, lacp in (("active-backup", "active"), ("balance-slb", "active"),
                       ("balance-tcp", "active"), ("active-backup", "off"), ("balance-slb", "off")):
        print(f"== bond_mode={mode} lacp={lacp}", flush=True)
        for end in ends:
            end.configure(Settings(mode=mode))
            end.vsctl("set", "port", "bond0", "lacp=" + lacp)
        for mtu in mtus(options, mode):
            for end in ends:
                set_mtu(end, mtu)
            left.set_mtu(mtu)
            right.set_mtu(mtu)
            conversation.talk("untagged", RIGHT, mtu)
            conversation.talk("VLAN 20", RIGHT_ACCESS, mtu)
            if knows_vlans():
                conversation.talk("VLAN 10, tagged by the hosts", RIGHT_TAGGED, mtu)
    end_well(ends)


def with_guest(stack, options, directory):
    end = SwitchEnd(stack, "near", options.bin, "10.79.0.1", directory)
    left = Host(stack, "left", end, LEFT, LEFT_ACCESS, LEFT_TAGGED)
    start(end)
    guest = Guest(stack, "peer", "bonding", end, RIGHT, directory, record=False)
    guest.start()
    conversation = Conversation(left, GuestHost(guest), options.seconds)
    runs = [(kind, mode) for kind in ("bonding", "teamd")
            for mode in ("active-backup", "balance-slb", "balance-tcp")]
    for kind, mode in runs[2:3] if options.short else runs:
        print(f"== {kind}, bond_mode={mode} lacp=active", flush=True)
        end.configure(Settings(mode=mode))
        guest.deconfigure()
        guest.kind = kind
        guest.configure(Settings())
        conversation.right.add_vlan(RIGHT_ACCESS)
        for mtu in (1500, JUMBO):
            set_mtu(end, mtu)
            left.set_mtu(mtu)
            conversation.right.set_mtu(mtu)
            if mtu == 1500 or not options.short:
                conversation.talk("untagged", RIGHT, mtu)
            if mtu == JUMBO or not options.short:
                conversation.talk("VLAN 20", RIGHT_ACCESS, mtu)
    end_well([end])


def end_well(ends):
    for end in ends:
        if wrong := end.end():
            raise Wrong(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=0,
                        help="of each TCP test; 0: as long as 20 MB take")
    parser.add_argument("--short", action="store_true",
                        help="not every mode with every size of frame")
    parser.add_argument("what", choices=["switches", "guest"])
    options = parser.parse_args()
    if not shutil.which("iperf3") or not shutil.which("ethtool"):
        print("iperf3 or ethtool is not installed")
        return 77
    if options.what == "guest" and (reason := can_emulate()):
        print(reason)
        return 77
    rehearse = {"switches": between_switches, "guest": with_guest}[options.what]
    with tempfile.TemporaryDirectory(prefix="bondway-hosts-") as directory:
        return verdict(lambda stack: rehearse(stack, options, directory))


if __name__ == "__main__":
    sys.exit(main())
