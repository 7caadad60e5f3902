"""A daemon of the test's own, whose devices are all dummies: needs no rights."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(sys.argv.pop(1))
PATIENCE = 20.0


class DummyDaemonTest(unittest.TestCase):
    """One daemon for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="bondway-daemon-")
        cls.addClassCleanup(directory.cleanup)
        home = pathlib.Path(directory.name)
        cls.environment = dict(os.environ, OVS_RUNDIR=str(home), OVS_LOGDIR=str(home), OVS_DBDIR=str(home))
        daemon = subprocess.Popen([BIN / "ovs-vswitchd", "--no-chdir", "--pidfile", "--enable-dummy=override"],
                                  env=cls.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(daemon.wait)
        cls.addClassCleanup(daemon.terminate)
        deadline = time.monotonic() + PATIENCE
        while not (home / "db.sock").exists() or not (home / "ovs-vswitchd.pid").exists():
            assert time.monotonic() < deadline, "the daemon does not start"
            time.sleep(0.02)

    @classmethod
    def call(cls, program, *arguments):
        done = subprocess.run([BIN / program, *arguments], env=cls.environment, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, f"{program} {arguments}: {done.stderr}"
        return done.stdout
