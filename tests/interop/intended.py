"""What may differ: the intended differences, each with its row of docs/lacp-deviations.md, and what
is chance in the reference.  Both are taken out here, and nowhere else."""

import re

from frames import is_slow

CHURNING_STATES = 0x30 | 0x40 | 0x80  # announced by ours at once, by the reference with the next PDU


def normalise(seen):
    seen = dict(seen)
    seen["bond/list"] = sort_members(seen["bond/list"])
    # Which bucket carries how much depends on where chance put the buckets.
    seen["bond/show"] = re.sub(r"  hash \d+: \d+ kB load\n", "", seen["bond/show"])
    for name in [name for name in seen if name.startswith("fdb/show")]:
        seen[name] = sort_ages(seen[name])
    seen["lacp/show"] = without_distribution(seen["lacp/show"])
    seen["lacp/show-stats"] = without_transmissions(seen["lacp/show-stats"])
    return seen


def sort_members(text):
    """The reference lists the members of a bond as its hash table has them."""
    return re.sub(r"[^\t\n]+$", lambda m: ", ".join(sorted(m[0].split(", "))), text, flags=re.M)


def sort_ages(text):
    """Least recently used first, but the reference does not note a use within the same second."""
    header, *rows = text.splitlines()
    ages = [row.split()[-1] for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (ages.index(ages[i]), rows[i]))
    return "\n".join([header, *[rows[i] for i in order]])


def without_distribution(text):
    """3: ours neither collects nor distributes to a partner that is out of sync.  4: it announces
    when that changes, so a partner behind a patch knows the news earlier."""
    blocks = re.split(r"^(?=member: |----)", text, flags=re.M)
    for i, block in enumerate(blocks):
        partner = re.search(r"  partner state:(.*)\n", block)
        if not partner:
            continue
        if " attached\n" in block and "synchronized" not in partner[1]:
            block = re.sub(r"(  actor state:.*) collecting distributing", r"\1", block)
        if block.startswith("member: patch"):
            block = re.sub(r"(  partner state:.*?)(?: collecting| distributing| defaulted| expired)+\n",
                           r"\1\n", block)
        blocks[i] = block
    return "".join(blocks)


def without_transmissions(text):
    """4, 6: ours announces collecting and distributing, and its periodic timer runs on its own, so
    it sends at other times; between patches the other end counts them."""
    text = re.sub(r"  TX PDUs: \d+\n", "", text)
    # 47: the first time that a dummy, down when LACP began, comes up.
    text = re.sub(r"  Carrier Status Changed: \d+\n", "", text)
    return re.sub(r"(member: patch\w+:\n)  RX PDUs: \d+\n", r"\1", text)


class Rebalancing:
    """The reference rebalances with the round of statistics that follows the deadline, ours at the
    deadline.  So from the first time on its next one is later, until a change starts both anew."""

    PATTERN = re.compile(r"^---- (\S+) ----$|^next rebalance: (-?\d+) ms\n", re.M)

    def __init__(self):
        self.before = {}  # ours at the last step
        self.late = set()

    def normalise(self, warped, seen):
        reference, ours = [self.deadlines(s["bond/show"]) for s in seen]
        for bond in ours.keys() & reference.keys():
            if ours[bond] == reference[bond]:
                self.late.discard(bond)
            elif bond in self.before and self.before[bond] <= warped:
                self.late.add(bond)
        for s in seen:
            s["bond/show"] = self.without(s["bond/show"])
        self.now = ours

    def step_is_over(self):
        self.before = self.now

    def deadlines(self, text):
        bond, answer = None, {}
        for name, deadline in self.PATTERN.findall(text):
            if name:
                bond = name
            else:
                answer[bond] = int(deadline)
        return answer

    def without(self, text):
        """The text without the deadlines that may differ."""
        bond = None

        def replace(match):
            nonlocal bond
            bond = match[1] or bond
            return "" if match[2] and bond in self.late else match[0]
        return self.PATTERN.sub(replace, text)


class ActiveChoice:
    """Of several members that may become active the reference takes any: ours takes the same.  Only
    where both have just chosen, and neither found the primary among them."""

    PATTERN = re.compile(r"^---- (\S+) ----$|^active-backup primary: (\S+)|"
                         r"^active member mac: .*\((.*)\)$", re.M)

    def __init__(self):
        self.before = [{}, {}]  # bond -> active member, of both at the last step

    def align(self, recorders, seen):
        """Whether there was something to align."""
        found = [self.read(s["bond/show"]) for s in seen]
        aligned = False
        for bond in found[0].keys() & found[1].keys():
            (reference, primary), (ours, _) = found[0][bond], found[1][bond]
            if reference == ours or "none" in (reference, ours) or primary in (reference, ours):
                continue
            if any(found[i][bond][0] == self.before[i].get(bond) for i in (0, 1)):
                continue
            if recorders[1].switch.command("bond/set-active-member", bond, reference) == "done\n":
                aligned = True
        return aligned

    def step_is_over(self, seen):
        self.before = [{bond: active for bond, (active, _) in self.read(s["bond/show"]).items()}
                       for s in seen]

    def read(self, text):
        """bond -> active member, primary"""
        bond, primary, answer = None, None, {}
        for name, configured, active in self.PATTERN.findall(text):
            if name:
                bond = name
            elif configured:
                primary = configured
            else:
                answer[bond] = active, primary
        return answer


def frames(recorder, aligned):
    """The data frames of the step by interface, those of a balancing bond together, since chance
    decides which member carries a bucket; in no order, since learning packets have none.  LACPDUs
    are in lacpdus()."""
    port_of = recorder.ports_of_interfaces(aligned)
    texts = [f"{port_of.get(interface, interface)}: {recorder.frame_text(frame)}"
             for interface, sent in recorder.sent.items() for frame in sent if not is_slow(frame)]
    return sorted(set(texts) if aligned else texts)  # align() makes ours announce once more


def lacpdus(recorder):
    """The last LACPDU sent through each active interface, as far as its receiver heeds it; see 3 to
    6 for why the ones before differ in number, and 7 for passive ones."""
    lines = []
    for interface, actor in sorted(recorder.actors.items()):
        if not actor[14] & 1:
            continue
        actor = actor[:14] + bytes([actor[14] & ~CHURNING_STATES])
        lines.append(f"{interface}: {recorder.describe_party(actor)}")
    return lines
