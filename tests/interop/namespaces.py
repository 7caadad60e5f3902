"""Network namespaces, and the links between them, that a test makes and takes away.

Everything is entered into the caller's `contextlib.ExitStack`, so that it goes however the test
ends.  The names begin with `bw` and the process's number: tests may run at the same time.
"""

import os
import subprocess


def run(*arguments, check=True, timeout=60, **keywords):
    """The finished process, its output as text."""
    return subprocess.run(arguments, check=check, timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **keywords)


class Namespace:
    def __init__(self, stack, name):
        self.name = f"bw{os.getpid()}-{name}"
        run("ip", "netns", "add", self.name)
        stack.callback(self.remove)
        self.ip("link", "set", "lo", "up")
        # No frames that nobody asked for; and no answer for an address of another device.
        for setting in ("ipv6.conf.all.disable_ipv6=1", "ipv6.conf.default.disable_ipv6=1",
                        "ipv4.conf.all.arp_ignore=1"):
            self.run("sysctl", "-qw", "net." + setting)

    @property
    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    def remove(self):
        for pid in run("ip", "netns", "pids", self.name, check=False).stdout.split():
            run("kill", "-9", pid, check=False)
        run("ip", "netns", "del", self.name, check=False)

    def run(self, *arguments, **keywords):
        return run(*self.prefix, *arguments, **keywords)

    def popen(self, *arguments, **keywords):
        return subprocess.Popen([*self.prefix, *arguments], **keywords)

    def ip(self, *arguments, **keywords):
        return run("ip", "-n", self.name, *arguments, **keywords)

    def address_of(self, device):
        return self.run("cat", f"/sys/class/net/{device}/address").stdout.strip()

    def pings(self, address, count=5, interval=0.1):
        """How many of `count` pings are answered within a second."""
        text = self.run("ping", "-n", "-c", str(count), "-i", str(interval), "-W", "1", address,
                        check=False).stdout
        words = text.partition(" packets transmitted, ")[2].split()
        return int(words[0]) if words else 0


def veth(near, near_device, far, far_device):
    near.ip("link", "add", near_device, "type", "veth", "peer", "name", far_device, "netns", far.name)
    near.ip("link", "set", near_device, "up")
    far.ip("link", "set", far_device, "up")


def tap(namespace, device):
    namespace.ip("tuntap", "add", "dev", device, "mode", "tap")
    namespace.ip("link", "set", device, "up")
