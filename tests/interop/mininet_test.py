#!/usr/bin/python3
"""Mininet on our programs: its OVSBridge is made with them, its hosts ping and speak TCP over it.

Usage: mininet_test.py --bin DIR

Everything is in a network namespace that this test makes, with a run directory of its own.  Exits
with 77 where Mininet is not installed or this is not root.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = ""


def reexecute_in_a_namespace():
    if "BONDWAY_MININET_NAMESPACE" in os.environ:
        return
    os.environ["BONDWAY_MININET_NAMESPACE"] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(__file__),
                          *sys.argv[1:]])


class Daemon:
    """ovs-vswitchd in this namespace, with a database of its own."""

    def __init__(self, directory):
        for variable in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"):
            os.environ[variable] = directory
        self.log = open(os.path.join(directory, "console.log"), "wb")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "ovs-vswitchd"), "--no-chdir", "--pidfile", "--log-file"],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not os.path.exists(os.path.join(directory, "db.sock")):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the daemon did not start")
            time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.log.close()
        return status


class Mininet(unittest.TestCase):
    def setUp(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.directory = tempfile.TemporaryDirectory(prefix="bondway-mininet-")
        self.addCleanup(self.directory.cleanup)
        self.daemon = Daemon(self.directory.name)

    def tearDown(self):
        self.assertIn(self.daemon.stop(), (0, -signal.SIGTERM))

    def network(self, topology, datapath):
        from mininet.net import Mininet
        from mininet.node import OVSBridge

        def bridge(name, **options):
            return OVSBridge(name, datapath=datapath, **options)
        net = Mininet(topo=topology, switch=bridge, controller=None, waitConnected=False)
        self.addCleanup(self.stop_network, net)
        self.running = True
        net.start()
        return net

    def stop_network(self, net):
        if self.running:
            net.stop()
        self.running = False

    def transfer(self, server, client):
        """Bits per second of a short TCP transfer.  Mininet's own helper would end every iperf of
        the machine."""
        listener = server.popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                answer, _, _ = client.pexec(["iperf3", "-J", "-t", "1", "-c", server.IP()])
                result = json.loads(answer)
                if "error" not in result:
                    return result["end"]["sum_received"]["bits_per_second"]
                time.sleep(0.05)
            self.fail(answer)
        finally:
            listener.kill()
            listener.wait()

    def test_hosts_ping_and_speak_tcp_over_three_bridges(self):
        from mininet.topo import LinearTopo
        for datapath in ("user", "kernel"):
            with self.subTest(datapath):
                net = self.network(LinearTopo(k=3), datapath)
                self.assertEqual(net.pingAll(timeout="2"), 0)
                first, last = net.hosts[0], net.hosts[-1]
                self.assertGreater(self.transfer(last, first), 1e6)
                self.assertGreater(self.transfer(first, last), 1e6)
                self.stop_network(net)
                bridges = subprocess.run([os.path.join(BIN, "ovs-vsctl"), "list-br"],
                                         capture_output=True, text=True, check=True).stdout
                self.assertEqual(bridges, "", "Mininet takes away what it made")

    def test_bridges_start_in_one_batch_and_are_joined_by_patches(self):
        from mininet.link import OVSLink
        from mininet.net import Mininet
        from mininet.node import OVSBridge
        from mininet.topo import LinearTopo
        net = Mininet(topo=LinearTopo(k=2), controller=None, link=OVSLink,
                      switch=lambda name, **options: OVSBridge(name, batch=True, **options))
        self.addCleanup(self.stop_network, net)
        self.running = True
        net.start()
        self.assertEqual(net.pingAll(timeout="2"), 0)
        interfaces = subprocess.run(
            [os.path.join(BIN, "ovs-vsctl"), "--bare", "--columns=name", "find", "Interface",
             "type=patch"], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(sorted(interfaces), ["s1-eth2", "s2-eth2"])


def main():
    global BIN
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    options, rest = parser.parse_known_args()
    try:
        import mininet.net
    except ImportError:
        print("Mininet is not installed")
        return 77
    if os.geteuid() != 0:
        print("only root makes networks")
        return 77
    reexecute_in_a_namespace()
    BIN = os.path.abspath(options.bin)
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    mininet.net.fixLimits = lambda: None  # the limits of the machine are not ours to raise
    from mininet.log import setLogLevel
    setLogLevel("warning")
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False,
                              warnings="ignore")
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
