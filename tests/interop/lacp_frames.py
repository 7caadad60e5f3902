#!/usr/bin/env python3
"""An independent dissector, tshark, reads every frame of link aggregation that we send.

Usage: lacp_frames.py --bin DIR --frames PROGRAM [--seeds N]

In two ways: of a switch on dummy devices with a stopped clock, led through the life of several
bonds, where what tshark reads must be what lacp/show says; and of PROGRAM (sent_frames.cpp), where
two ends live through random schedules, markers of the generator included, and it must be what our
own decoder reads.  There may be no complaint about any frame; about broken ones there must be.
Exits with 77 where tshark is not installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dissect
import frames
import pcap
from ends import Party, lacp_members
from namespaces import run
from switches import Switch

PARTNERS = {"d0": "first", "d1": "first", "d2": "second", "d3": "second", "d4": "second",
            "s0": "first"}
SYSTEM = {"first": "02:00:00:00:aa:01", "second": "02:00:00:00:bb:01"}
FAST = 0x3f  # activity timeout aggregation synchronized collecting distributing


class Frames:
    """What was sent, in order, and what is to be read from some of them."""

    def __init__(self):
        self.sent, self.wanted = [], {}

    def check(self, path):
        pcap.write(path, self.sent)
        decoded = dissect.decode(path)
        wrong = dissect.complaints(decoded)
        if len(decoded) != len(self.sent):
            wrong.append(f"{len(decoded)} of {len(self.sent)} frames were read")
        for number, wanted in self.wanted.items():
            seen = decoded[number]
            read = (seen.party("actor"), seen.party("partner")) if seen.is_lacpdu() else \
                seen.marker()
            if read != wanted:
                wrong.append(f"frame {seen.number}:\n  read   {read}\n  wanted {wanted}")
        return wrong


class Life:
    """Bond b0 of d0 and d1, b1 of d2 to d4, single link s0; their partners, and the clock."""

    def __init__(self, switch, vsctl, directory):
        self.switch, self.vsctl, self.directory = switch, vsctl, directory
        self.frames = Frames()
        self.read = {name: 0 for name in PARTNERS}
        self.actors = {}  # device -> the octets of our actor in its last LACPDU
        self.markers = 0
        self.heard = set()  # devices whose partner speaks

    def configure(self):
        traces = []
        for name in PARTNERS:
            traces += ["--", "set", "interface", name, "type=dummy",
                       f"options:tx_pcap={self.directory}/{name}.pcap"]
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy",
                   "--", "add-bond", "br0", "b0", "d0", "d1", "lacp=active", "bond_mode=balance-tcp",
                   "other_config:lacp-time=fast",
                   "--", "add-bond", "br0", "b1", "d2", "d3", "d4", "lacp=passive",
                   "other_config:lacp-independent-control=true",
                   "--", "add-port", "br0", "s0", "--", "set", "port", "s0", "lacp=active", *traces)

    def pass_time(self, seconds):
        """Partners that speak do so every second; and every second is looked at."""
        for _ in range(seconds):
            for name in sorted(self.heard):
                self.partner_says(name)
            self.switch.command("time/warp", "1000", "100")
            self.look()

    def partner_says(self, name, state=FAST):
        who = SYSTEM[PARTNERS[name]]
        pdu = frames.lacpdu("02:00:00:00:00:" + f"{ord(name[1]):02x}", who, 32768, 7, 255,
                            1 + list(PARTNERS).index(name), state, self.actors.get(name))
        self.receive(name, pdu)

    def partner_asks(self, name):
        self.markers += 1
        question = (1, 40 + self.markers, SYSTEM[PARTNERS[name]], 0xfffffff0 + self.markers)
        self.receive(name, frames.marker("02:00:00:00:00:01", question[2], question[1], question[3]))
        self.look()
        answers = [number for number in range(len(self.frames.sent))
                   if self.frames.wanted.get(number) == (2, *question[1:])]
        if len(answers) != 1:
            raise AssertionError(f"{len(answers)} answers to a marker on {name}")

    def receive(self, name, frame):
        if answer := self.switch.command("netdev-dummy/receive", name, frame.hex()):
            raise AssertionError(answer)
        self.switch.command("version")  # and so the loop has run

    def look(self):
        """Takes in what was sent.  The last LACPDU of each device must say what lacp/show says."""
        shown = lacp_members("\n" + self.switch.command("lacp/show"))
        for name in self.read:
            sent = pcap.read(f"{self.directory}/{name}.pcap")
            new, self.read[name] = sent[self.read[name]:], len(sent)
            last = None
            for frame in filter(frames.is_slow, new):
                number = len(self.frames.sent)
                self.frames.sent.append(frame)
                if frame[14] == 2:
                    port, transaction = frame[18:20], frame[26:30]
                    self.frames.wanted[number] = (2, int.from_bytes(port, "big"),
                                                  frames.mac_text(frame[20:26]),
                                                  int.from_bytes(transaction, "big"))
                else:
                    self.actors[name], last = frame[18:33], number
            if last is not None:
                self.frames.wanted[last] = shown[name][:2]

    def set(self, *what):
        self.vsctl("set", *what)
        self.switch.command("version")

    def live(self):
        self.configure()
        self.pass_time(8)  # alone: expired, then defaulted
        self.heard = {"d0", "d1"}
        self.pass_time(3)
        self.heard = set(PARTNERS)
        self.pass_time(3)
        for name in PARTNERS:
            self.partner_asks(name)
        for setting in ("lacp-system-priority=7", 'lacp-system-id="02:00:00:00:cc:01"',
                        "lacp-time=slow", "lacp-max-bundle=1", "lacp-max-bundle=2",
                        "lacp-min-links=2", "lacp-time=fast"):
            self.set("port", "b0", "other_config:" + setting)
            self.pass_time(2)
        for setting in ("lacp-port-id=77", "lacp-port-priority=9", "lacp-aggregation-key=65535"):
            self.set("interface", "d0", "other_config:" + setting)
            self.pass_time(2)
        for state in ("down", "up"):
            self.switch.command("netdev-dummy/set-admin-state", "d1", state)
            self.pass_time(3)
        self.set("port", "b1", "lacp=active")
        self.pass_time(2)
        self.set("port", "b0", "lacp=passive")
        self.pass_time(2)
        for name in ("d2", "s0"):
            self.partner_says(name, 0x07)  # out of sync
        self.heard = {"d0", "d3"}
        self.pass_time(8)
        self.heard = set()
        self.pass_time(40)
        self.set("port", "b0", "other_config:lacp-fallback-ab=true", "lacp=active")
        self.pass_time(8)


def check_switch(options, directory):
    switch = Switch("ours", os.path.join(directory, "ours"), os.path.join(options.bin, "ovs-vswitchd"))
    vsctl = os.path.join(options.bin, "ovs-vsctl")
    try:
        switch.start()
        life = Life(switch, lambda *words: run(vsctl, "--timeout=20", *words,
                                               env=switch.environment), directory)
        life.live()
    finally:
        switch.stop()
    kinds = [sum(frame[14] == kind for frame in life.frames.sent) for kind in (1, 2)]
    print(f"the switch sent {kinds[0]} LACPDUs and {kinds[1]} markers; "
          f"{len(life.frames.wanted)} compared with lacp/show")
    assert kinds[0] > 100 and kinds[1] == len(PARTNERS)
    return life.frames.check(os.path.join(directory, "switch.pcap"))


def check_schedules(options, directory):
    wrong, counts = [], {"lacpdu": 0, "marker": 0}
    for seed in range(options.seeds):
        path = os.path.join(directory, "schedule.pcap")
        text = subprocess.run([options.frames, path, str(seed)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        whole = Frames()
        whole.sent = pcap.read(path)
        for number, line in enumerate(text.splitlines()):
            kind, *values = line.split()
            counts[kind] += 1
            if kind == "marker":
                whole.wanted[number] = (int(values[0]), int(values[1]), values[2], int(values[3]))
            else:
                whole.wanted[number] = (party(values[:6]), party(values[6:]))
        assert len(whole.wanted) == len(whole.sent)
        wrong += [f"seed {seed}: {text}" for text in whole.check(path)]
    print(f"random schedules sent {counts['lacpdu']} LACPDUs and {counts['marker']} markers")
    assert min(counts.values()) > 50
    return wrong


def party(values):
    return Party(int(values[0]), values[1], *map(int, values[2:5]), frames.words(int(values[5])))


def check_the_check(directory):
    """A frame that is broken in any one place is complained about."""
    lacpdu = frames.lacpdu("02:00:00:00:00:01", SYSTEM["first"], 1, 2, 3, 4, FAST, bytes(15))
    marker = frames.marker("02:00:00:00:00:01", SYSTEM["first"], 1, 2)
    broken = [lacpdu[:100], lacpdu + b"\0", marker[:60]]
    for good, places in ((lacpdu, (14, 16, 17, 35, 36, 37, 55, 56, 57, 58, 65, 72, 73, 80, 123)),
                         (marker, (14, 16, 17, 31, 32, 33, 80, 123))):
        for place in places:  # type, length or padding
            broken.append(good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1:])
    path = os.path.join(directory, "broken.pcap")
    pcap.write(path, [lacpdu, marker, *broken])
    decoded = dissect.decode(path)
    wrong = dissect.complaints(decoded[:2])
    wrong += [f"no complaint about {frames.describe(frame)}"
              for frame, seen in zip(broken, decoded[2:]) if not seen.complaints()]
    print(f"{len(broken)} broken frames were told from good ones")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--frames", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if reason := dissect.missing():
        print(reason)
        return 77
    with tempfile.TemporaryDirectory(prefix="bondway-frames-") as directory:
        wrong = check_the_check(directory) + check_switch(options, directory) + \
            check_schedules(options, directory)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
