"""Internal interfaces that ask for no MTU have the smallest of their bridge's other interfaces.

mtu_test.py BIN_DIR

Needs no rights: all devices are dummies.
"""

import unittest

from dummy_daemon import DummyDaemonTest


class Mtu(DummyDaemonTest):
    def vsctl(self, *words):
        return self.call("ovs-vsctl", *words)

    def mtus(self, *names):
        return [int(self.vsctl("get", "interface", name, "mtu")) for name in names]

    def test_internal_interfaces_follow_the_smallest_of_the_others(self):
        self.vsctl("add-br", "br0", "--", "add-port", "br0", "p1", "--", "add-port", "br0", "p2", "--", "add-port",
                   "br0", "in0", "--", "set", "interface", "in0", "type=internal")
        self.assertEqual(self.mtus("br0", "in0"), [1500, 1500])
        self.vsctl("set", "interface", "p1", "mtu_request=9000", "--", "set", "interface", "p2", "mtu_request=3000")
        self.assertEqual(self.mtus("br0", "in0"), [3000, 3000])
        self.vsctl("set", "interface", "in0", "mtu_request=1300")
        self.assertEqual(self.mtus("br0", "in0"), [1300, 1300])
        self.vsctl("clear", "interface", "in0", "mtu_request")
        self.assertEqual(self.mtus("br0", "in0"), [3000, 3000])
        self.vsctl("del-port", "p2")
        self.assertEqual(self.mtus("br0", "in0"), [9000, 9000])
        self.vsctl("del-port", "p1", "--", "add-port", "br0", "in1", "--", "set", "interface", "in1", "type=internal")
        self.assertEqual(self.mtus("br0", "in0", "in1"), [1500, 1500, 1500])


if __name__ == "__main__":
    unittest.main()
