"""Our ovs-vswitchd behind an OVSDB server of its own, which is killed and comes back.

daemon_test.py BIN_DIR SCHEMA SERVER   SERVER: bondway or reference (Debian's, skipped if absent)

Needs no rights: all devices are dummies.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN, SCHEMA, SERVER = (pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3])
REFERENCE = {"ovsdb-server": "/usr/sbin/ovsdb-server", "ovsdb-tool": "/usr/bin/ovsdb-tool"}
PATIENCE = 20.0


def program(name):
    return REFERENCE[name] if SERVER == "reference" and name in REFERENCE else str(BIN / name)


class DaemonTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="bondway-replica-")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.socket = f"unix:{self.home}/db.sock"
        self.environment = dict(os.environ)
        for variable in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"):
            self.environment[variable] = str(self.home)
        self.run_program("ovsdb-tool", "create", f"{self.home}/conf.db", SCHEMA)
        self.server = None
        self.daemon = None
        self.addCleanup(self.stop_all)

    # ---- the parts -----------------------------------------------------------------------------

    def run_program(self, name, *arguments):
        done = subprocess.run(
            [program(name), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, f"{name} {arguments}: {done.stderr}")
        return done.stdout.strip()

    def start(self, name, *arguments):
        output = open(self.home / f"{name}.out", "a")
        self.addCleanup(output.close)
        return subprocess.Popen(
            [program(name), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def start_server(self, database="conf.db", remote=None):
        self.server = self.start(
            "ovsdb-server",
            "--no-chdir",
            f"--remote={remote or 'punix:' + self.socket[len('unix:'):]}",
            f"--unixctl={self.home}/server.ctl",
            f"{self.home}/{database}",
        )
        self.wait("the server", lambda: (self.home / "server.ctl").exists())

    def kill_server(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        for left in ("server.ctl", "db.sock"):
            (self.home / left).unlink(missing_ok=True)

    def start_daemon(self, remote=None):
        self.daemon = self.start(
            "ovs-vswitchd",
            "--no-chdir",
            "--log-file",
            "--pidfile",
            "--enable-dummy=override",
            "--disable-system",
            remote or self.socket,
        )

    def stop_all(self):
        for process in (self.daemon, self.server):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def vsctl(self, *arguments):
        return self.run_program("ovs-vsctl", f"--db={self.socket}", "--timeout=30", *arguments)

    def appctl(self, *arguments):
        return self.run_program("ovs-appctl", "--timeout=10", *arguments)

    def log(self):
        return (self.home / "ovs-vswitchd.log").read_text()

    def wait(self, what, holds):
        end = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), end, f"no {what}\n{self.log_if_any()}")
            time.sleep(0.05)

    def log_if_any(self):
        file = self.home / "ovs-vswitchd.log"
        return file.read_text() if file.exists() else ""

    def times_connected(self):
        return len(re.findall(r"reconnect\|INFO\|.*: connected$", self.log_if_any(), re.M))

    def start_both(self):
        self.start_server()
        self.vsctl("--no-wait", "init")
        self.start_daemon()
        self.wait("connection", lambda: self.times_connected() == 1)

    # ---- the promises --------------------------------------------------------------------------

    def test_configuration_is_carried_out_and_status_reported(self):
        self.start_both()
        self.vsctl("add-br", "br0", "--", "add-port", "br0", "p1")  # waits for cur_cfg
        self.assertEqual(
            self.vsctl("get", "open_vswitch", ".", "cur_cfg"),
            self.vsctl("get", "open_vswitch", ".", "next_cfg"),
        )
        self.assertEqual(self.vsctl("get", "interface", "p1", "ofport"), "1")
        self.assertEqual(self.vsctl("get", "interface", "p1", "link_state"), "up")
        self.assertIn("patch", self.vsctl("get", "open_vswitch", ".", "iface_types"))
        self.vsctl("del-br", "br0")
        self.assertEqual(self.vsctl("list-br"), "")

    def test_a_restart_of_the_server_changes_nothing(self):
        self.start_both()
        self.vsctl("add-br", "br0", "--", "add-bond", "br0", "bond0", "p1", "p2", "--", "set",
                   "port", "bond0", "bond_mode=balance-slb")
        ports = self.vsctl("--columns=name,ofport", "list", "interface")
        before = self.log()
        self.kill_server()
        self.start_server()
        self.wait("new connection", lambda: self.times_connected() == 2)
        self.vsctl("set", "open_vswitch", ".", "external_ids:a=b")  # waits for cur_cfg
        news = self.log()[len(before):]
        self.assertEqual(self.vsctl("--columns=name,ofport", "list", "interface"), ports)
        self.assertNotRegex(news, r"bridge.*(added|deleted) interface")
        self.assertNotIn("bond bond0", news)

    def test_what_changed_while_the_server_was_away_is_carried_out(self):
        self.start_both()
        self.vsctl("add-br", "br0", "--", "add-port", "br0", "p1")
        self.kill_server()
        other = f"unix:{self.home}/other.sock"
        self.start_server(remote="p" + other)
        self.run_program("ovs-vsctl", f"--db={other}", "--no-wait", "--", "del-port", "p1", "--",
                         "add-port", "br0", "p2")
        self.kill_server()
        self.start_server()
        self.wait("new connection", lambda: self.times_connected() == 2)
        self.wait("number for p2",
                  lambda: self.vsctl("get", "interface", "p2", "ofport") not in ("[]", "-1"))
        self.assertIn("p2", self.appctl("dpif/show"))
        self.assertNotIn("p1", self.appctl("dpif/show"))

    def test_it_waits_for_a_server_that_comes_later(self):
        self.start_daemon()
        self.wait("attempt", lambda: "connection attempt failed" in self.log_if_any())
        self.assertIn("ovs-vswitchd", self.appctl("version"))
        self.start_server()
        self.vsctl("--no-wait", "init")
        self.vsctl("add-br", "br0")

    def test_a_second_daemon_waits_for_the_first(self):
        self.start_both()
        second = self.home / "second"
        second.mkdir()
        environment = dict(self.environment)
        environment.update(OVS_RUNDIR=str(second), OVS_LOGDIR=str(second))
        self.environment, ours = environment, self.environment
        first = self.daemon
        self.start_daemon()
        self.environment = ours
        log = second / "ovs-vswitchd.log"
        self.wait("complaint", lambda: log.exists() and "another ovs-vswitchd" in log.read_text())
        self.vsctl("add-br", "br0")
        self.assertNotIn("added interface", log.read_text())
        first.terminate()
        first.wait(10)
        self.wait("takeover", lambda: "added interface br0" in log.read_text())

    def test_over_tcp(self):
        self.start_server(remote="ptcp:0:127.0.0.1")
        port = self.listening_port()
        self.socket = f"tcp:127.0.0.1:{port}"
        self.vsctl("--no-wait", "init")
        self.start_daemon()
        self.vsctl("add-br", "br0")

    def listening_port(self):
        listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout
        mine = [line for line in listening.splitlines() if f"pid={self.server.pid}," in line]
        return mine[0].split()[3].rpartition(":")[2]


if __name__ == "__main__":
    if SERVER == "reference" and not pathlib.Path(REFERENCE["ovsdb-server"]).exists():
        print("the reference is not installed")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
