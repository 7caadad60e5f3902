"""What can be seen of a switch after a step, and whether two switches look the same."""

import os
import re
import struct

import intended
from excuses import End, Excuses
from frames import STATES, describe, describe_party, is_slow, mac_text

INTERFACE_COLUMNS = ["name", "ofport", "admin_state", "link_state", "lacp_current", "error",
                     "mac_in_use"]
PORT_COLUMNS = ["name", "bond_active_slave", "interfaces"]
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
PATIENCE = 40  # looks at a status that is written a moment later


class Recorder:
    """One switch and the traces of its devices."""

    def __init__(self, switch, directory, about_data):
        self.switch, self.directory, self.about_data = switch, directory, about_data
        os.makedirs(directory)
        self.traces = {}      # file -> [interface, read so far]
        self.names_by_mac = {}
        self.actors = {}      # interface -> the actor of its last LACPDU
        self.sent = {}        # interface -> frames sent in this step
        self.bridges, self.bonds = [], []  # as last seen

    # ---- steps

    def trace(self, interface, file):
        path = os.path.join(self.directory, file)
        self.traces[path] = [interface, 24]  # a pcap file's header
        return path

    def apply(self, operations):
        self.switch.apply(operations(self))
        return ""

    def last_actor(self, interface):
        return self.actors.get(interface)

    # ---- what there is to see

    def settle(self):
        """Two passes of the main loop; and what the reference's datapath has cached is gone."""
        self.switch.pass_once("version")
        if self.about_data:
            self.switch.pass_once("revalidator/purge")
            self.switch.pass_once("revalidator/wait")  # or a later look at its flows ages anew
        else:
            self.switch.pass_once("version")

    def observe(self):
        shows = ["lacp/show", "lacp/show-stats", "bond/show", "bond/list", "ofproto/list"]
        tables = [f"fdb/show {bridge}" for bridge in self.bridges]
        answers = self.switch.commands([line.split() for line in shows + tables])
        if answers[4].split() != self.bridges:
            self.bridges = answers[4].split()
            return self.observe()
        seen = dict(zip(shows + tables, answers))
        interfaces, ports = self.switch.select(Interface=INTERFACE_COLUMNS, Port=PORT_COLUMNS)
        for name, row in interfaces.items():
            if isinstance(row["mac_in_use"], str):
                self.names_by_mac[row["mac_in_use"]] = name
        self.note_bonds(seen["bond/list"])
        seen["interfaces"] = table(interfaces)
        seen["ports"] = table(ports)
        self.read_frames()
        return {key: self.rename(text) for key, text in seen.items()}

    def note_bonds(self, text):
        """Which interfaces belong to which bond, and which bonds balance."""
        self.bonds = [line.split("\t") for line in text.splitlines()[1:]]

    def rename(self, text):
        """Devices get their addresses in the order of their making, which is chance when several
        are made at once: compare by name."""
        return MAC.sub(lambda m: self.names_by_mac.get(m[0], m[0]), text)

    def read_frames(self):
        for path, entry in self.traces.items():
            try:
                with open(path, "rb") as file:
                    file.seek(entry[1])
                    data = file.read()
            except FileNotFoundError:
                continue
            while len(data) >= 16:
                length = struct.unpack("=I", data[8:12])[0]
                if len(data) < 16 + length:
                    break
                self.note(entry[0], data[16:16 + length])
                entry[1] += 16 + length
                data = data[16 + length:]

    def note(self, interface, frame):
        if is_slow(frame) and len(frame) == 124 and frame[14] == 1:
            self.actors[interface] = frame[18:33]
        self.sent.setdefault(interface, []).append(frame)

    def frame_text(self, frame):
        text = f"{self.rename(mac_text(frame[6:12]))} {describe(frame)}"
        for address, name in self.names_by_mac.items():
            text = text.replace(address.replace(":", ""), f"<{name}>")
        return text

    def describe_party(self, octets):
        return self.rename(describe_party(octets))

    def ports_of_interfaces(self, all_bonds):
        """Of the interfaces of balancing bonds; of all bonds if asked for."""
        return {member: name for name, mode, _, members in self.bonds
                for member in members.split(", ") if all_bonds or mode != "active-backup"}


def table(rows):
    lines = []
    for name in sorted(rows):
        values = [f"{column}={rows[name][column]}" for column in sorted(rows[name])
                  if column != "interfaces"]
        lines.append(" ".join(values))
    return "\n".join(lines) + "\n"


class Comparison:
    """Two switches that take the same steps, side by side."""

    def __init__(self, recorders, pool):
        self.recorders, self.pool = recorders, pool
        self.rebalancing = intended.Rebalancing()
        self.choice = intended.ActiveChoice(recorders)
        self.excuses, self.speakers = Excuses(), intended.Speakers()
        self.now = 0  # milliseconds since the script began
        self.before = None  # what the reference showed after the last step

    def both(self, function):
        return list(self.pool.map(function, self.recorders))

    def take(self, step):
        """None, or what differs afterwards, for a person to read."""
        if intended.kills_the_reference(step, self.before):
            return None
        if step.lacpdu:
            self.excuses.note_heard(step.interface, *self.ends(step.lacpdu), self.before)

        def perform(recorder):
            answer = step.perform(recorder)
            recorder.settle()
            return answer
        answers = self.both(perform)
        self.now += step.warped
        answers[0] = intended.without_ghosts(answers[0], step, self.before)
        if answers[0] != answers[1] and not self.excuses.covers(step.subject):
            return compare_texts("answer", *answers)
        if step.settles_later:
            return None
        seen, aligned = self.look(step)
        found = self.compare_texts(seen) or self.compare_frames(step, aligned, seen[0]["lacp/show"])
        self.rebalancing.step_is_over()
        self.choice.step_is_over(self.excuses)
        self.excuses.step_is_over(self.raw)
        self.before = self.raw[0]
        return found

    def ends(self, lacpdu):
        """The two ends that a LACPDU names, in the words of lacp/show."""
        for offset in (18, 38):
            priority, system, key, port_priority, port, state = struct.unpack(
                "!H6sHHHB", lacpdu[offset:offset + 15])
            yield End(self.recorders[0].rename(mac_text(system)), str(priority), str(port),
                      str(port_priority), str(key),
                      {word for bit, word in enumerate(STATES) if state >> bit & 1})

    def look(self, step):
        """Both as they are, without the intended differences; patiently, since some columns are
        written a moment later.  And whether ours had to be told which member is active."""
        aligned = False
        for patience in reversed(range(PATIENCE)):
            self.raw = self.both(Recorder.observe)
            seen = self.excuses.look(self.now, self.raw, final=patience == 0)
            if self.choice.align(seen, self.excuses.ended):
                aligned = True
                continue
            self.rebalancing.normalise(step.warped, seen, self.excuses.ended)
            seen = intended.normalise(*seen)
            if seen[0] == seen[1]:
                break
            self.both(Recorder.settle)
        return seen, aligned

    def compare_texts(self, seen):
        for key in seen[0]:
            if seen[0][key] != seen[1].get(key):
                return compare_texts(key, seen[0][key], seen[1].get(key, "missing"))
        return None

    def compare_frames(self, step, aligned, lacp):
        excused = self.excuses.silences(self.raw)
        for _ in range(PATIENCE):
            frames = [intended.frames(recorder, aligned, excused) for recorder in self.recorders]
            if frames[0] == frames[1]:
                break
            for recorder in self.recorders:
                recorder.switch.command("version")
                recorder.read_frames()
        speakers = self.speakers.find(self.now, self.recorders[1], lacp)
        lacpdus = [intended.lacpdus(recorder, speakers) for recorder in self.recorders]
        for recorder in self.recorders:
            recorder.sent = {}
        if frames[0] != frames[1] and not self.excuses.confused:
            return compare_texts("frames", *("\n".join(text) for text in frames))
        if step.warped >= 1000 and lacpdus[0] != lacpdus[1]:  # 5: within a second they may differ
            return compare_texts("lacpdus", *("\n".join(text) for text in lacpdus))
        return None


def compare_texts(title, reference, ours):
    import difflib
    lines = difflib.unified_diff(reference.splitlines(), ours.splitlines(), "reference", "ours",
                                 lineterm="", n=100)
    return f"---- {title}\n" + "\n".join(lines)
