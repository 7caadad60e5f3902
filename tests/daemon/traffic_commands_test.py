"""What ovs-appctl tells about frames: workers/show, flows/show, bridge/trace.

traffic_commands_test.py BIN_DIR

Needs no rights: all devices are dummies.
"""

import json
import time
import unittest

from dummy_daemon import PATIENCE, DummyDaemonTest

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
LACPDU = ("88090101" + "01148000020000000001000180000001c5000000" + "02148000000000000000000000000000000000" +
          "00" + "03100000" + "00" * 12 + "0000" + "00" * 50)


def frame(destination, source, vlan=None):
    tag = "" if vlan is None else f"8100{vlan:04x}"
    return (destination + source).replace(":", "") + tag + "88b5" + "00" * 46


class TrafficCommands(DummyDaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call("ovs-vsctl", "add-br", "br0", "--", "add-port", "br0", "p1", "--", "add-port", "br0", "p2",
                 "tag=10", "--", "add-port", "br0", "p3", "tag=20")

    def appctl(self, *arguments):
        return self.call("ovs-appctl", *arguments)

    def shown(self, what):
        return json.loads(self.appctl("--format", "json", what + "/show"))[what]

    def test_flow_counts_its_frames_and_names_where_they_go(self):
        self.appctl("netdev-dummy/receive", "p2", frame(A, B))  # what teaches is no flow: the next may go elsewhere
        for _ in range(2):
            self.appctl("netdev-dummy/receive", "p1", frame(B, A, vlan=10))
        for _ in range(4):
            self.appctl("netdev-dummy/receive", "p2", frame(A, B))
        [flow] = [flow for flow in self.shown("flows") if flow["in"] == "p2"]
        self.assertEqual((flow["source"], flow["destination"], flow["ethertype"]), (B, A, 0x88b5))
        self.assertEqual((flow["vlan"], flow["to"]), (None, ["p1"]))
        self.assertEqual((flow["packets"], flow["bytes"]), (4, 240))
        [back] = [flow for flow in self.shown("flows") if flow["in"] == "p1"]
        self.assertEqual((back["vlan"], back["priority"], back["to"]), (10, 0, ["p2"]))
        line = next(line for line in self.appctl("flows/show").splitlines() if line.startswith("in=p2"))
        self.assertRegex(line, rf"^in=p2,src={B},dst={A},type=0x88b5, packets:4, bytes:240, age:\d+\.\d{{3}}s, to: p1$")

    def test_lacpdu_counts_whatever_its_group_address(self):
        self.call("ovs-vsctl", "add-port", "br0", "l1", "lacp=active", "--", "set", "port", "l1",
                  "other_config:lacp-time=slow")
        self.addCleanup(self.call, "ovs-vsctl", "del-port", "l1")
        for number, destination in enumerate(("0180c2000002", "0180c2000000", "0180c2000003"), start=1):
            self.appctl("netdev-dummy/receive", "l1", destination + A.replace(":", "") + LACPDU)
            deadline = time.monotonic() + PATIENCE
            while f"RX PDUs: {number}\n" not in (shown := self.appctl("lacp/show-stats", "l1")):
                self.assertLess(time.monotonic(), deadline, f"to {destination}: {shown}")
                time.sleep(0.02)

    def test_workers_share_the_interfaces(self):
        self.assertEqual(len(self.shown("workers")), 1)
        self.call("ovs-vsctl", "set", "open", ".", "other_config:n-workers=3")
        self.addCleanup(self.call, "ovs-vsctl", "remove", "open", ".", "other_config", "n-workers")
        workers = self.shown("workers")
        self.assertEqual(len(workers), 3)
        everyone = sorted(name for worker in workers for name in worker["interfaces"])
        self.assertEqual(everyone, ["br0", "p1", "p2", "p3"])
        self.assertLessEqual(max(len(worker["interfaces"]) for worker in workers), 2)
        self.assertIn("worker 2:\n  interfaces: ", self.appctl("workers/show"))

    def test_trace_tells_why_and_changes_nothing(self):
        before = self.appctl("fdb/show", "br0")
        told = self.appctl("bridge/trace", "br0", "p3", frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0c"))
        self.assertIn("access port admits it to VLAN 20", told)
        self.assertIn("not to p2: access does not carry it", told)
        self.assertIn("to p1, ", told)
        self.assertEqual(self.appctl("fdb/show", "br0"), before)


if __name__ == "__main__":
    unittest.main()
