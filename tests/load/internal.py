#!/usr/bin/env python3
"""Internal interfaces, and what the host's own stack sees of a bridge's ports.

Usage: internal.py --bin DIR

An internal interface has the address and MTU that its row asks for, follows what people set, and is
found again in another namespace.  Of a device that belongs to a bridge the host hears nothing and
answers nothing, until the daemon ends, however it ends.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import Daemon, Namespace, Wrong, blocks, eventually, packet_sockets, veth, verdict

MAC, OTHER = "02:00:00:00:00:77", "02:00:00:00:00:78"
LOCAL, INNER, PORT, HOST = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.9"


class Internal:
    def __init__(self, stack, options):
        self.switch, self.host, self.away = (Namespace(stack, name) for name in ("sw", "host", "away"))
        veth(self.host, "h0", self.switch, "s0")
        self.host.ip("address", "add", HOST + "/24", "dev", "h0")
        self.switch.ip("address", "add", PORT + "/24", "dev", "s0")
        self.daemon = Daemon(stack, options.bin, self.switch)

    def claim(self, text, holds, seconds=5):
        eventually(seconds, text, lambda: not holds() and "not so")
        print(text, flush=True)

    def device(self, namespace, name):
        """As ip(8) shows it; None when it is not there."""
        answer = namespace.run("ip", "-j", "link", "show", name, check=False)
        return json.loads(answer.stdout)[0] if answer.returncode == 0 else None

    def is_set(self, namespace, name, **wanted):
        device = self.device(namespace, name)
        return device is not None and all(device[key] == value for key, value in wanted.items())

    def shows(self, name, **wanted):
        """The interface's columns."""
        row = self.daemon.interfaces("error", *wanted)[name]
        return row == {"error": None, **wanted}

    def answers(self, address):
        return self.host.pings(address, count=1) == 1

    def configure(self):
        self.daemon.start()
        self.daemon.vsctl("add-br", "br0", "--", "add-port", "br0", "int0", "--", "set", "interface", "int0",
                          "type=internal", f'mac="{MAC}"', "mtu_request=1400")
        self.switch.ip("address", "add", LOCAL + "/32", "dev", "br0")
        self.switch.ip("link", "set", "br0", "up")
        self.switch.ip("route", "replace", HOST, "dev", "br0", "src", LOCAL)

    # ---- what must hold

    def address_and_mtu(self):
        self.claim("it has the address and MTU of its row",
                   lambda: self.is_set(self.switch, "int0", address=MAC, mtu=1400) and
                   self.shows("int0", mac_in_use=MAC, mtu=1400, admin_state="down", link_state="down"))
        self.switch.ip("link", "set", "int0", "up")
        self.claim("set up, it is up", lambda: self.shows("int0", admin_state="up", link_state="up"))
        self.switch.ip("link", "set", "int0", "down", "mtu", "1300", "address", OTHER)
        self.claim("what people set, it shows",
                   lambda: self.shows("int0", admin_state="down", mtu=1300, mac_in_use=OTHER))

    def elsewhere(self):
        self.switch.ip("link", "set", "int0", "netns", self.away.name, "name", "eth0")
        self.away.ip("address", "add", INNER + "/24", "dev", "eth0")
        self.away.ip("link", "set", "eth0", "up")
        self.claim("in another namespace, under another name, it shows its state",
                   lambda: self.shows("int0", admin_state="up", link_state="up"))
        self.daemon.vsctl("set", "interface", "int0", "mtu_request=1200")
        self.claim("and takes what its row asks for", lambda: self.is_set(self.away, "eth0", mtu=1200))
        self.away.ip("link", "set", "eth0", "address", MAC)
        self.claim("and shows an address given to it there", lambda: self.shows("int0", mac_in_use=MAC))

    def connected(self):
        self.daemon.vsctl("add-port", "br0", "s0")
        self.claim("the host behind a port reaches the bridge's local port", lambda: self.answers(LOCAL))
        self.claim("and the internal interface", lambda: self.answers(INNER))

    def back_home(self):
        self.away.ip("link", "set", "eth0", "netns", self.switch.name, "name", "int0")
        self.switch.ip("link", "set", "int0", "up")
        self.claim("at home again, it shows its state", lambda: self.shows("int0", admin_state="up", link_state="up"))

    def many(self):
        def are_there(expected):
            there = {link["ifname"] for link in json.loads(self.switch.ip("-j", "link").stdout)}
            if (found := {name for name in there if name.startswith("many")}) != set(expected):
                raise Wrong(f"ovs-vsctl has returned, and there are {sorted(found)}, not {expected}")

        names = [f"many{number}" for number in range(70)]
        self.daemon.vsctl(*(word for name in names for word in (
            "--", "add-port", "br0", name, "--", "set", "interface", name, "type=internal")))
        are_there(names)
        first = names[0]
        self.daemon.vsctl(*(word for name in names for word in ("--", "del-port", "br0", name)),
                          "--", "add-port", "br0", first, "--", "set", "interface", first, "type=internal")
        are_there([first])
        self.daemon.vsctl("del-port", "br0", first)
        are_there([])
        print("many come and go at once", flush=True)

    def deaf(self):
        for namespace in (self.host, self.switch):
            namespace.ip("neighbour", "flush", "all")
        self.claim("the host's stack answers nobody at a port's own address", lambda: not self.answers(PORT))
        self.claim("nor hears of ARP there", lambda: not self.switch.ip("neighbour", "show", "dev", "s0").stdout)

    def hears(self, what):
        self.claim(what + ": the host's stack has its device back", lambda: self.answers(PORT))
        if left := blocks(self.switch):
            raise Wrong(f"blocks of the host's stack left: {left}")
        if packet_sockets(self.switch):
            raise Wrong("packet sockets left")
        self.claim("and the internal devices are gone",
                   lambda: not self.device(self.switch, "int0") and not self.device(self.switch, "br0"))

    def rehearse(self):
        self.claim("without a switch, the host's stack answers", lambda: self.answers(PORT))
        self.configure()
        self.address_and_mtu()
        self.elsewhere()
        self.connected()
        self.back_home()
        self.many()
        self.deaf()
        self.daemon.kill()
        self.hears("killed")
        self.daemon.start()
        self.claim("started again, internal devices are there", lambda: self.is_set(self.switch, "int0", mtu=1200))
        self.deaf()
        self.daemon.vsctl("del-port", "s0")
        self.claim("taken from the bridge, the device is the host's", lambda: self.answers(PORT))
        self.daemon.vsctl("add-port", "br0", "s0")
        self.deaf()
        self.daemon.end(by_signal=True)
        self.hears("ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    options = parser.parse_args()
    return verdict(lambda stack: Internal(stack, options).rehearse())


if __name__ == "__main__":
    sys.exit(main())
