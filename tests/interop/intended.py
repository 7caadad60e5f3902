"""What may differ: the intended differences, each with its row of docs/lacp-deviations.md, and what
is chance in the reference.  Both are taken out here, and nowhere else."""

import re

from frames import is_slow

CHURNING_STATES = 0x30 | 0x40 | 0x80  # announced by ours at once, by the reference with the next PDU


def normalise(reference, ours):
    """Both without the intended differences."""
    ours = dict(ours)
    # 47: the first time that a dummy, down when LACP began, comes up.
    ours["lacp/show-stats"] = ours["lacp/show-stats"].replace(
        "  Carrier Status Changed: 1\n", "  Carrier Status Changed: 0\n")
    reference = dict(reference)
    reference["lacp/show"] = without_distribution(reference["lacp/show"])
    for name in [name for name in reference if name.startswith("fdb/show ") and name in ours]:
        reference[name], ours[name] = ages(reference[name], ours[name])
    return [normalise_either(seen) for seen in (reference, ours)]


def normalise_either(seen):
    seen = dict(seen)
    seen["bond/list"] = sort_members(seen["bond/list"])
    # Which bucket carries how much depends on where chance put the buckets.
    seen["bond/show"] = re.sub(r"  hash \d+: \d+ kB load\n", "", seen["bond/show"])
    seen["lacp/show"] = without_fresh_news(seen["lacp/show"])
    seen["lacp/show-stats"] = without_transmissions(seen["lacp/show-stats"])
    return seen


def kills_the_reference(step, before):
    """61: bond/migrate on a balance-slb bond that runs in fallback."""
    if not step.text.startswith("bond/migrate"):
        return False
    block = re.search(rf"^---- {step.subject} ----\n(.*?)\n\n", before["bond/show"], re.M | re.S)
    return block is not None and "lacp_status: configured\nlacp_fallback_ab: true" in block[1]


def without_ghosts(answer, step, before):
    """66: fdb/stats-show of the reference counts static addresses that its fdb/show has no more."""
    shown = before.get(f"fdb/show {step.subject}") if before else None
    if not step.text.startswith("fdb/stats-show") or shown is None:
        return answer
    static = len(re.findall(r" static$", shown, re.M))
    return re.sub(r"(Current static MAC entries in the table : )\d+", rf"\g<1>{static}", answer)


def sort_members(text):
    """The reference lists the members of a bond as its hash table has them."""
    return re.sub(r"[^\t\n]+$", lambda m: ", ".join(sorted(m[0].split(", "))), text, flags=re.M)


def table_rows(text):
    """fdb/show without its header: (port, VLAN, address) -> age."""
    return {tuple(line.split()[:3]): line.split()[3] for line in text.splitlines()[1:]}


def by_age(rows):
    """Least recently used first, but the reference does not note a use within the same second."""
    return "\n".join(sorted((f"{age:>8} {' '.join(place)}" for place, age in rows.items()),
                            reverse=True)) + "\n"


def ages(reference, ours):
    """The reference may note a use when it next looks at its cache of flows: up to a second late."""
    reference, ours = table_rows(reference), table_rows(ours)
    for place, age in ours.items():
        late = reference.get(place, "static")
        if "static" not in (age, late) and int(late) == int(age) - 1:
            ours[place] = late
    return by_age(reference), by_age(ours)


def member_blocks(text):
    return re.split(r"^(?=member: |----)", text, flags=re.M)


def without_distribution(text):
    """3: ours neither collects nor distributes to a partner that is out of sync."""
    blocks = member_blocks(text)
    for i, block in enumerate(blocks):
        partner = re.search(r"  partner sys_id: (.*)\n(?:.*\n)*  partner state:(.*)\n", block)
        if partner and " attached\n" in block and partner[1] != "00:00:00:00:00:00" and \
                "synchronized" not in partner[2]:
            blocks[i] = re.sub(r"(  actor state:.*) collecting distributing", r"\1", block)
    return "".join(blocks)


def without_fresh_news(text):
    """4: ours announces when collecting or distributing changes, so a partner behind a patch knows
    the news earlier."""
    blocks = member_blocks(text)
    for i, block in enumerate(blocks):
        if block.startswith("member: patch"):
            blocks[i] = re.sub(
                r"(  partner state:.*?)(?: collecting| distributing| defaulted| expired)+\n",
                r"\1\n", block)
    return "".join(blocks)


def without_transmissions(text):
    """4, 6: ours announces collecting and distributing, and its periodic timer runs on its own, so
    it sends at other times; between patches the other end counts them."""
    text = re.sub(r"  TX PDUs: \d+\n", "", text)
    return re.sub(r"(member: patch\w+:\n)  RX PDUs: \d+\n", r"\1", text)


class Rebalancing:
    """The reference rebalances with the round of statistics that follows the deadline, ours at the
    deadline.  So from the first time on its next one is later, until a change starts both anew."""

    PATTERN = re.compile(r"^---- (\S+) ----$|^next rebalance: (-?\d+) ms\n", re.M)

    def __init__(self):
        self.before = {}  # ours at the last step
        self.late = set()

    def normalise(self, warped, seen, excused):
        self.late |= excused
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
    where both have just chosen, and neither found the primary among them, or nobody was enabled and
    whose updelay ends first was taken, primary or not.  4, 30: between patches a
    change of key or port keeps the reference's bond down for a moment, and so it alone chooses."""

    SHOWN = re.compile(r"^---- (\S+) ----$|^active-backup primary: (\S+)|"
                       r"^active member mac: .*\((.*)\)$", re.M)
    LOGGED = re.compile(r"bond (\S+): active member is now [^ ,]+(, skipping)?")

    def __init__(self, recorders):
        self.recorders = recorders
        for recorder in recorders:
            recorder.switch.new_log_lines()

        # Bonds that chose in this step, or since they were excused -> whether an updelay was skipped
        self.chosen = [{}, {}]

    def step_is_over(self, excuses):
        self.chosen = [{bond: skipped for bond, skipped in chosen.items() if excuses.covers(bond)}
                       for chosen in self.chosen]

    def align(self, seen, excused):
        """Whether there was something to align.  `excused` are bonds that are so no more."""
        for recorder, chosen in zip(self.recorders, self.chosen):
            lines = recorder.switch.new_log_lines()
            chosen.update((m[1], bool(m[2])) for line in lines if (m := self.LOGGED.search(line)))
        found = [self.read(s["bond/show"]) for s in seen]
        aligned = False
        for bond in found[0].keys() & found[1].keys() & (self.chosen[0].keys() | excused):
            (reference, primary), (ours, _) = found[0][bond], found[1][bond]
            if reference == ours or "none" in (reference, ours):
                continue
            if all(chosen.get(bond) for chosen in self.chosen) or \
                    bond in excused and self.balances(bond, seen[0]):
                primary = None
            if primary == ours:
                continue
            # 65: over a patch members come up one by one, and ours chooses after each.
            patched = bond.startswith("patch")
            if primary == reference and not (patched and self.balances(bond, seen[0])):
                continue
            if bond not in self.chosen[1].keys() | excused and not patched:
                continue
            aligned |= self.choose(bond, reference, ours, seen[0]["bond/show"])
        return aligned

    def balances(self, bond, seen):
        """In a balance mode the primary waits until somebody has to be chosen."""
        return f"---- {bond} ----\nbond_mode: balance" in seen["bond/show"]

    def choose(self, bond, member, instead_of, shown):
        command = self.recorders[1].switch.command
        answer = command("bond/set-active-member", bond, member)
        if answer == "error: cannot make disabled member active\n":
            # Of members whose updelay ends together, the reference enabled another one early.
            command("bond/enable-member", bond, member)
            answer = command("bond/set-active-member", bond, member)
            if f"member {instead_of}: disabled\n  updelay" in shown:
                command("bond/disable-member", bond, instead_of)
        return answer == "done\n"

    def read(self, text):
        """bond -> active member, primary"""
        bond, primary, answer = None, None, {}
        for name, configured, active in self.SHOWN.findall(text):
            if name:
                bond = name
            elif configured:
                primary = configured
            else:
                answer[bond] = active, primary
        return answer


def frames(recorder, aligned, excused):
    """The data frames of the step by interface, those of a balancing bond together, since chance
    decides which member carries a bucket; in no order, since learning packets have none.  LACPDUs
    are in lacpdus()."""
    port_of = recorder.ports_of_interfaces(aligned)
    texts = [f"{port_of.get(interface, interface)}: {recorder.frame_text(frame)}"
             for interface, sent in recorder.sent.items() for frame in sent
             if not is_slow(frame) and interface not in excused]
    return sorted(set(texts) if aligned else texts)  # align() makes ours announce once more


TALKS = re.compile(r"^---- .* ----\n  status: (\w+)|^member: (\S+): (\w+)|  partner state:(.*)$", re.M)


def talking(text):
    """The members that lacp/show has sending: of active ports, and passive ones with an active
    partner.  7: a passive one whose partner is passive or unknown falls silent in ours."""
    port_status, member, status, active, passive = None, None, None, set(), set()
    for port, name, word, partner in TALKS.findall(text):
        if port:
            port_status = port
        elif name:
            member, status = name, word
        elif port_status == "active":
            active.add(member)
        elif status == "current" and "activity" in partner:
            passive.add(member)
    return active, passive


class Speakers:
    """Whose LACPDUs can be compared.  7: where both ends were passive, ours may have said nothing to
    a partner that knows it well, and does so with its first periodic LACPDU."""

    LONGEST_SILENCE = 31000  # milliseconds

    def __init__(self):
        self.silent_since = {}  # passive member -> time

    def find(self, now, ours, text):
        active, passive = talking(text)
        spoke = {interface for interface, sent in ours.sent.items() if any(map(is_slow, sent))}
        self.silent_since = {member: self.silent_since.get(member, now) for member in passive}
        for member in spoke & passive:
            self.silent_since[member] = now - self.LONGEST_SILENCE
        return active | {member for member, since in self.silent_since.items()
                         if now - since >= self.LONGEST_SILENCE}


def lacpdus(recorder, speakers):
    """The last LACPDU sent through each interface, as far as its receiver heeds it; see 3 to 6 for
    why the ones before differ in number."""
    lines = []
    for interface in sorted(speakers & recorder.actors.keys()):
        actor = recorder.actors[interface]
        actor = actor[:14] + bytes([actor[14] & ~CHURNING_STATES])
        lines.append(f"{interface}: {recorder.describe_party(actor)}")
    return lines
