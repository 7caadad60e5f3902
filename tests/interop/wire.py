#!/usr/bin/env python3
"""Our bond on real links, with an independent implementation at the other end.

Usage: wire.py --bin DIR [--long] PEER

PEER is `reference` (Debian's Open vSwitch over veth), `bonding` or `teamd` (an emulated Linux over
tap devices), or `partners` (two of them on one bond).  Whatever the two ends are told to be, they
must agree on who both are, and traffic must pass where it should and nowhere else: with a cable
cut and restored, the partner frozen and thawed, and started anew.  Every frame that we sent is
dissected at the end.  --long does so for every combination of active and passive, fast and slow
(a quarter of an hour).  Exits with 77 where the other end is not to be had.
"""

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dissect
import frames
import pcap
from ends import Cables, Guest, Settings, SwitchEnd, can_emulate
from switches import reference_is_installed
from verdict import Wrong

OURS, FAR, SECOND = "10.77.0.1", "10.77.0.2", "10.77.0.3"
NOBODY = 100  # addresses 10.77.0.100 and up are nobody's: who asks for them is recognized
WORKING = ("synchronized", "collecting", "distributing")

OWN = Settings(system_priority=100, system="02:00:00:00:aa:01", key=17, port_priority=200)
FAR_OWN = {
    "reference": Settings(system_priority=99, system="02:00:00:00:bb:01", key=19, port_priority=50),
    "bonding": Settings(system_priority=99, system="02:00:00:00:bb:01", key=5),
    "teamd": Settings(system_priority=99, key=19, port_priority=50),
}


class Wire:
    """Ours and what it is wired to, and the checks on them."""

    def __init__(self, ours, far):
        self.ours, self.far = ours, far
        self.step, self.began = "", time.monotonic()
        self.asked = NOBODY

    # ---- reporting

    def title(self, text):
        self.step = text
        print(f"== {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def claim(self, text):
        print(f"   {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def eventually(self, claim, holds, seconds=30):
        """`holds` says what is wrong, or nothing."""
        began = time.monotonic()
        while wrong := holds():
            if time.monotonic() - began > seconds:
                raise Wrong(f"{claim}: not within {seconds} s: {wrong}")
            time.sleep(0.1)
        self.claim(f"{claim} (after {time.monotonic() - began:.1f} s)")

    # ---- what must hold

    def agree(self):
        self.eventually("both sides agree and carry traffic", self.disagreement)

    def disagreement(self):
        here, there = self.ours.ports(), self.far.ports()
        for i in range(len(there)):
            for what, near, far in (("actor", here[i][0], there[i][1]),
                                    ("partner", here[i][1], there[i][0])):
                if near != far:
                    return f"cable {i}: our {what} is {near}, the other side has {far}"
                if missing := [word for word in WORKING if word not in near.state.split()]:
                    return f"cable {i}: our {what} is not {missing[0]}: {near}"
        return None

    def passes(self):
        self.eventually("a ping passes", lambda: self.ours.pings(FAR, count=1) != 1 and "no answer")
        self.eventually("none of five is lost", lambda: (
            answers := self.ours.pings(FAR, count=5, interval=0.05)) != 5 and f"{answers} answers",
            seconds=10)
        self.eventually("nor of two from the other side", lambda: (
            answers := self.far.pings(OURS, count=2)) != 2 and f"{answers} answers", seconds=10)

    def passes_not(self, address=FAR):
        if self.ours.pings(address, count=4, interval=0.1):
            raise Wrong(f"pings to {address} pass")
        self.claim(f"no ping to {address} passes")

    def ask(self):
        """Our host broadcasts a question for nobody, once; returns whom it asks for."""
        self.asked += 1
        whom = bytes([10, 77, 0, self.asked])
        own = self.ours.namespace.address_of("br0")
        with contextlib.closing(pcap.link_socket(self.ours.namespace, "br0")) as host:
            host.send(frames.arp_request(own, bytes([10, 77, 0, 1]), whom))
        return whom

    def heard_on(self, question, far=None):
        """The cables of the other end that carried the question."""
        return [number for number, path in enumerate((far or self.far).recorded())
                if any(frame[12:14] == b"\x08\x06" and frame[38:42] == question
                       for frame in pcap.read(path))]

    def configure(self, ours, far):
        self.far.deconfigure()
        self.ours.configure(ours)
        self.far.configure(far)


# ---- what happens to a bond ----

def steady(wire):
    wire.agree()
    wire.passes()
    question = wire.ask()
    wire.eventually("a broadcast of ours takes one cable",
                    lambda: len(wire.heard_on(question)) != 1 and str(wire.heard_on(question)))


def cable_pulled(wire, number, cut, mend):
    cut(number)
    wire.eventually("the other cable carries on", lambda: wire.ours.pings(FAR, count=2) != 2 and
                    "no answer")
    wire.eventually("the cable is out", lambda: enabled(wire, number) and "it is enabled")
    mend(number)
    wire.agree()
    wire.passes()


def enabled(wire, number):
    text = wire.ours.switch.command("bond/show", "bond0")
    return f"member {wire.ours.devices[number]}: enabled" in text


def cables_pulled(wire, numbers=(0, 1)):
    for number in numbers:
        wire.title(f"cable {number} pulled and put back")
        cable_pulled(wire, number, wire.far.cut, wire.far.mend)


def cables_silent(wire):
    """Cut so that only one side sees it: LACP alone can tell."""
    for number in range(2):
        wire.title(f"cable {number} cut, seen by the other side alone")
        cable_pulled(wire, number, wire.far.cut_there, wire.far.mend_there)


def partner_frozen(wire):
    wire.title("partner frozen and thawed")
    wire.far.freeze()
    wire.eventually("we give it up", lambda: given_up(wire),
                    seconds=30 if wire.ours.settings.fast else 150)
    wire.passes_not()
    question = wire.ask()
    wire.far.thaw()
    wire.agree()
    wire.passes()
    if heard := wire.heard_on(question):
        raise Wrong(f"a broadcast to nobody left on cables {heard}")
    wire.claim("we sent no data meanwhile")


def given_up(wire):
    statuses = [status for _, _, status in wire.ours.ports()]
    return any(status != "defaulted detached" for status in statuses) and str(statuses)


def partner_frozen_for_a_moment(wire):
    wire.title("partner frozen for a second")
    wire.far.freeze()
    time.sleep(1)
    wire.far.thaw()
    wire.agree()
    wire.passes()


def partner_restarted(wire):
    wire.title("partner restarted")
    wire.far.restart()
    wire.agree()
    wire.passes()


def ours_restarted(wire):
    wire.title("our daemon restarted")
    wire.ours.restart()
    wire.agree()
    wire.passes()


def one_in_standby(wire):
    wire.title("lacp-max-bundle=1: the other cable stands by")
    wire.ours.vsctl("set", "port", "bond0", "other_config:lacp-max-bundle=1")
    wire.eventually("one carries, the other stands by, and the partner knows",
                    lambda: standing_by(wire) is None and str((wire.ours.ports(), wire.far.ports())))
    wire.passes()
    standby = standing_by(wire)
    wire.title("the one in use is pulled")
    wire.far.cut(1 - standby)
    wire.eventually("the one in standby carries on", lambda: wire.ours.pings(FAR, count=2) != 2 and
                    "no answer")
    wire.far.mend(1 - standby)
    wire.eventually("one stands by again",
                    lambda: standing_by(wire) is None and str((wire.ours.ports(), wire.far.ports())))
    wire.passes()
    wire.ours.vsctl("remove", "port", "bond0", "other_config", "lacp-max-bundle")
    wire.agree()


def standing_by(wire):
    """The cable in standby, once both sides see it so."""
    def working(view):
        return all(word in view[1].state.split() for word in WORKING)

    here = [status for _, _, status in wire.ours.ports()]
    there = [working(view) for view in wire.far.ports()]
    for i in (0, 1):
        if here[i] == "current detached" and here[1 - i] == "current attached" and \
                "synchronized" not in wire.far.ports()[i][1].state.split() and there[1 - i]:
            return i
    return None


def too_few_links(wire):
    wire.title("lacp-min-links=2: with one cable the bond is down")
    wire.ours.vsctl("set", "port", "bond0", "other_config:lacp-min-links=2")
    wire.agree()
    wire.passes()
    wire.far.cut(0)
    wire.eventually("neither member is enabled",
                    lambda: any(enabled(wire, i) for i in (0, 1)) and "one is")
    wire.passes_not()
    wire.far.mend(0)
    wire.agree()
    wire.passes()
    wire.ours.vsctl("remove", "port", "bond0", "other_config", "lacp-min-links")


def independent_control(wire):
    wire.title("lacp-independent-control")
    wire.ours.vsctl("set", "port", "bond0", "other_config:lacp-independent-control=true")
    wire.agree()
    wire.passes()
    wire.far.configure(wire.far.settings)
    wire.agree()
    wire.passes()
    wire.ours.vsctl("remove", "port", "bond0", "other_config", "lacp-independent-control")
    wire.agree()


def marker_answered(wire):
    wire.title("a marker is answered on the cable it came by")
    for number, recorder in enumerate(wire.far.recorders):
        asker, transaction = "02:00:00:00:dd:01", 1000 + number
        recorder.send(frames.marker(asker, asker, 7, transaction))
        answer = frames.marker(wire.ours.namespace.address_of(wire.ours.devices[number]), asker, 7,
                               transaction, kind=2)
        wire.eventually(f"the answer on cable {number}",
                        lambda: answer not in pcap.read(recorder.path) and "none")


def partner_without_lacp(wire):
    wire.title("the partner ceases to speak LACP")
    wire.far.vsctl("set", "port", "bond0", "lacp=off", "bond_mode=active-backup")
    wire.eventually("we give it up", lambda: given_up(wire))
    wire.passes_not()
    wire.title("lacp-fallback-ab: it is talked to none the less")
    wire.ours.vsctl("set", "port", "bond0", "other_config:lacp-fallback-ab=true")
    wire.far.cut(1)  # with two cables each side has an active one of its own choice
    wire.passes()
    wire.far.mend(1)
    wire.title("it speaks again")
    wire.far.configure(wire.far.settings)
    wire.agree()
    wire.passes()
    wire.ours.vsctl("remove", "port", "bond0", "other_config", "lacp-fallback-ab")


def flapping(wire):
    wire.title("both cables flap")
    for round in range(20):
        wire.far.cut(round % 2)
        time.sleep(0.05)
        wire.far.mend(round % 2)
    wire.agree()
    wire.passes()


OF_OUR_OWN = [ours_restarted, one_in_standby, too_few_links, independent_control]


def both_passive(wire):
    """A passive Linux says a word or two when its link comes up, which nobody answers."""
    wire.passes_not()
    question = wire.ask()
    wire.passes_not()
    if heard := wire.heard_on(question):
        raise Wrong(f"a broadcast left on cables {heard}")
    if able := [i for i in range(2) if enabled(wire, i)]:
        raise Wrong(f"members {able} are enabled")
    if wire.ours.settings.fast:
        wire.eventually("we know of no partner", lambda: given_up(wire))


# ---- whole runs ----

def cable_0_pulled(wire):
    cables_pulled(wire, [0])


# For each kind of partner: how we are, how it is, and what happens then.
PASSIVE = Settings(active=False)
SHORT = {
    "reference": [
        (OWN, FAR_OWN["reference"], [steady, cables_pulled, partner_frozen, *OF_OUR_OWN, marker_answered,
          partner_without_lacp, flapping]),
        (Settings(active=False, fast=False, mode="balance-slb"), Settings(),
         [steady, partner_restarted]),
        (Settings(fast=False, mode="active-backup"), Settings(active=False, fast=False), [steady]),
        (PASSIVE, PASSIVE, [both_passive])],
    "bonding": [
        (OWN, FAR_OWN["bonding"], [steady, cable_0_pulled, partner_frozen, partner_restarted]),
        (PASSIVE, PASSIVE, [both_passive])],
    "teamd": [
        (Settings(fast=False, mode="active-backup"), Settings(active=False, fast=False),
         [steady, cable_0_pulled]),
        (dataclasses.replace(OWN, active=False, mode="balance-slb"), FAR_OWN["teamd"],
         [steady, partner_frozen_for_a_moment])],
}


def short_run(wire, kind):
    for ours, far, events in SHORT[kind]:
        wire.title(f"ours {ours}, {ours.mode}; the other {far}")
        wire.configure(ours, far)
        for event in events:
            event(wire)


def long_run(wire, kind):
    modes = ["active-backup", "balance-slb", "balance-tcp"]
    number = 0
    for own in (False, True):
        for bits in range(16):
            active, fast, far_active, far_fast = (bool(bits >> i & 1) for i in range(4))
            ours = dataclasses.replace(OWN if own else Settings(), active=active, fast=fast,
                                       mode=modes[number % 3])
            far = dataclasses.replace(FAR_OWN[kind] if own else Settings(), active=far_active,
                                      fast=far_fast)
            number += 1
            wire.title(f"ours {ours}, {ours.mode}; the other {far}")
            wire.configure(ours, far)
            if not active and not far_active:
                both_passive(wire)
                continue
            steady(wire)
            cables_pulled(wire)
            if kind != "reference" and fast and far_fast:
                cables_silent(wire)
            partner_frozen_for_a_moment(wire)
            if fast:
                partner_frozen(wire)
            if own or kind == "reference":
                partner_restarted(wire)
            if own and fast and far_fast:
                for event in OF_OUR_OWN:
                    event(wire)
    wire.title("slow at both ends: a frozen partner is kept for 90 s")
    slow = Settings(fast=False)
    wire.configure(slow, slow)
    steady(wire)
    partner_frozen(wire)


def partners_run(wire, second):
    """The first partner to negotiate keeps the bond while it answers."""
    wire.title("two partners: the first has the bond")
    wire.ours.configure(Settings())
    wire.far.configure(Settings())
    wire.agree()
    second.configure(Settings())
    wire.eventually("the second one is heard, and kept out",
                    lambda: kept_out(wire, 2))
    wire.eventually("both sides of the second's cables know the other",
                    lambda: known(wire, second))
    wire.passes()
    wire.passes_not(SECOND)
    question = wire.ask()
    wire.eventually("our broadcasts go to the first alone", lambda: (
        heard := (len(wire.heard_on(question)), len(wire.heard_on(question, second)))) != (1, 0) and
        str(heard))
    accepts(wire, wire.far, True)
    accepts(wire, second, False)
    wire.title("the first falls silent: the second has it")
    wire.far.freeze()
    wire.eventually("a ping to the second passes",
                    lambda: wire.ours.pings(SECOND, count=1) != 1 and "no answer")
    wire.far.thaw()
    wire.eventually("the first is back, and kept out",
                    lambda: kept_out(wire, 0))
    if wire.ours.pings(SECOND, count=5) != 5:
        raise Wrong("the first one's return disturbs the second")
    wire.passes_not(FAR)
    accepts(wire, second, True)
    accepts(wire, wire.far, False)
    wire.title("the second is unplugged: the first has it")
    for number in range(2):
        second.cut(number)
    wire.agree()
    wire.passes()


def kept_out(wire, first):
    statuses = [status for _, _, status in wire.ours.ports()]
    return statuses[first:first + 2] != ["current detached"] * 2 and str(statuses)


def known(wire, second):
    for near, far in zip(wire.ours.ports()[2:], second.ports()):
        if near[:2] != (far[1], far[0]):
            return f"ours {near}, the other's {far}"
    return None


def accepts(wire, far, wanted):
    """A question put on the cable by hand: we answer it, or do not take it."""
    if isinstance(far, Guest):
        return
    wire.asked += 1
    asker = f"02:00:00:00:cc:{wire.asked:02x}"
    far.recorders[0].send(frames.arp_request(asker, bytes([10, 77, 0, wire.asked]),
                                             bytes([10, 77, 0, 1])))

    def answered():
        return any(frame[:6] == frames.mac(asker) for end in (wire.far, wire.second)
                   for path in end.recorded() for frame in pcap.read(path))

    if wanted:
        wire.eventually(f"data from {far.name} are taken", lambda: not answered() and "no answer")
    else:
        time.sleep(0.3)
        if answered():
            raise Wrong(f"data from {far.name} are taken")
        wire.claim(f"data from {far.name} are not taken")


def dissect_all(wire, ends):
    """tshark has no complaint about any frame of link aggregation that we sent."""
    wire.title("our frames under tshark")
    own = {wire.ours.namespace.address_of(device) for device in wire.ours.devices}
    count = 0
    for path in (path for end in ends for path in end.all_recorded()):
        sent = [frame for frame in pcap.read(path) if frames.is_slow(frame) and
                frames.mac_text(frame[6:12]) in own]
        pcap.write(path + ".sent", sent)
        decoded = dissect.decode(path + ".sent")
        if complaints := dissect.complaints(decoded):
            raise Wrong("\n".join(complaints))
        if len(decoded) != len(sent):
            raise Wrong(f"tshark saw {len(decoded)} of {len(sent)} frames")
        count += len(sent)
    if not count:
        raise Wrong("there are none")
    wire.claim(f"{count} frames without a complaint")


# ---- setting up ----

def reference_end(stack, name, ours, address, directory, first=0):
    far = SwitchEnd(stack, name, None, address, directory)
    cables = Cables(stack, ours, far, directory, first)
    far.recorders, far.recorded, far.all_recorded = cables.recorders, cables.recorded, cables.recorded
    far.cut, far.mend = cables.cut, cables.mend
    return far


def far_end(kind, stack, name, ours, address, directory, **which):
    if kind == "reference":
        return reference_end(stack, name, ours, address, directory, **which)
    return Guest(stack, name, kind, ours, address, directory, **which)


def run(stack, options, directory):
    ours = SwitchEnd(stack, "ours", options.bin, OURS, directory)
    if options.peer == "partners":
        kinds = [("reference", "reference")]
        if options.long:
            kinds += [("bonding", "reference"), ("teamd", "reference"), ("reference", "bonding"),
                      ("bonding", "teamd")]
        for number, (first, second) in enumerate(kinds):
            print(f"== partners {first} and {second}")
            with contextlib.ExitStack() as inner:
                run_partners(inner, options, os.path.join(directory, str(number)), first, second)
        return
    far = far_end(options.peer, stack, options.peer, ours, FAR, directory)
    wire = Wire(ours, far)
    wire.title(f"ours, {options.peer}, and two cables")
    ours.start()
    far.start()
    checked(wire, [far], lambda: (long_run if options.long else short_run)(wire, options.peer))


def run_partners(stack, options, directory, first_kind, second_kind):
    os.makedirs(directory)
    ours = SwitchEnd(stack, "switch", options.bin, OURS, directory)
    first = far_end(first_kind, stack, "first", ours, FAR, directory)
    second = far_end(second_kind, stack, "second", ours, SECOND, directory, first=2)
    wire = Wire(ours, first)
    wire.second = second
    for end in (ours, first, second):
        end.start()
    checked(wire, [first, second], lambda: partners_run(wire, second))


def checked(wire, ends, what):
    try:
        what()
        dissect_all(wire, ends)
        if wrong := wire.ours.end():
            raise Wrong(wrong)
    except BaseException as error:
        print(f"\nFAILED in step \"{wire.step}\": {error}\n{getattr(error, 'output', '')}", flush=True)
        for end in (wire.ours, *ends):
            with contextlib.suppress(Exception):
                end.thaw()
                print(f"---- {end.name}\n{end.describe()}", flush=True)
        raise


def missing(options):
    if options.peer in ("reference", "partners") and not reference_is_installed():
        return "Open vSwitch is not installed"
    if options.peer in ("bonding", "teamd") or options.long:
        if reason := can_emulate():
            return reason
    return dissect.missing()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep-files", action="store_true", help="captures and logs stay")
    parser.add_argument("peer", choices=["reference", "bonding", "teamd", "partners"])
    options = parser.parse_args()
    if reason := missing(options):
        print(reason)
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so through every `finally`
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bondway-wire-") as directory:
        try:
            with contextlib.ExitStack() as stack:
                run(stack, options, directory)
        except Wrong:
            return 1
        finally:
            if options.keep_files:
                os.rename(directory, directory + ".kept")
                os.makedirs(directory)
                print("files:", directory + ".kept")
    print(f"all of this held, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
