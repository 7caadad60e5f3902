"""Ports that a documented deviation lets take another course for a while.

Where ours selects another partner than the reference, or does not believe it, all that follows
differs: who may carry, who is active, what is counted.  Such a port is excused: left out of the
comparison while the circumstances of its row of docs/lacp-deviations.md can be seen, and for as long
afterwards as its consequences take.  Then both must agree again, but for what was counted meanwhile.
"""

import collections
import re

BEFORE_TIME = re.compile(r" -2147\d{6}$", re.M)  # the age of a static entry whose idle time changed
SMALLEST_TABLE = 10  # a MAC table's, whatever is configured; scripts fill no larger one
NOBODY = "00:00:00:00:00:00"
AFTERMATH = 4000  # milliseconds, and the delays of the bond: three seconds to default

Member = collections.namedtuple("Member", "name status attached actor partner")

PORT = re.compile(r"^---- (\S+) (?:statistics )?----\n", re.M)
MEMBER = re.compile(
    r"^member: (\S+): (\w+) (\w+)\n.*?\n\n"
    r"  actor sys_id: (\S+)\n  actor sys_priority: (\d+)\n  actor port_id: (\d+)\n"
    r"  actor port_priority: (\d+)\n  actor key: (\d+)\n  actor state:([^\n]*)\n\n"
    r"  partner sys_id: (\S+)\n  partner sys_priority: (\d+)\n  partner port_id: (\d+)\n"
    r"  partner port_priority: (\d+)\n  partner key: (\d+)\n  partner state:([^\n]*)\n", re.M | re.S)
COUNTER = re.compile(r"^member: (\S+):\n|^  ([\w ]+): (\d+)\n", re.M)

End = collections.namedtuple("End", "system priority port port_priority key state")


def blocks(text):
    """name -> the block of a bond or port."""
    pieces = PORT.split(text)
    return dict(zip(pieces[1::2], pieces[2::2]))


def members(block):
    found = []
    for name, status, attached, *ends in MEMBER.findall(block):
        actor, partner = End(*ends[:6]), End(*ends[6:])
        found.append(Member(name, status, attached == "attached",
                            actor._replace(state=set(actor.state.split())),
                            partner._replace(state=set(partner.state.split()))))
    return found


def places(text):
    """The lines of fdb/show, without ages."""
    return sorted(line.rsplit(None, 1)[0] for line in text.splitlines()[1:])


def identity(end):
    return end._replace(state="aggregation" in end.state)


class Excuses:
    def __init__(self):
        self.until = {}          # bond -> script time at which it must agree again
        self.ended = set()       # with this step
        self.partners = {}       # (side, member) -> partner at the last step
        self.unsettled = set()   # bonds where a choice between two partners was open, 45
        self.looped = set()      # ports of which a member was looped back, 60
        self.stale = set()       # ports whose bond ended while it was excused
        self.misnamed = set()    # members whose partner means somebody else, 2
        self.confused = {}       # bridges whose tables differ from now on -> why
        self.addresses = {}      # what fdb/show said after the last step
        self.offsets = {}        # (member, counter) -> how much more ours counted meanwhile
        self.total = collections.Counter()  # steps by row of the table

    def note_heard(self, interface, sender, named, seen):
        """A LACPDU is about to arrive: does it mean us?  `sender` and `named` are its two Ends."""
        self.misnamed.discard(interface)
        if "synchronized" not in sender.state:
            return
        for block in blocks(seen["lacp/show"]).values():
            for member in members(block):
                if member.name != interface:
                    continue
                runs = "activity" in sender.state or \
                    {"activity"} <= member.actor.state & named.state
                means_us = identity(member.actor) == identity(named)
                if not runs or "aggregation" in sender.state and not means_us:
                    self.misnamed.add(interface)

    def look(self, now, seen, final):
        """To be called with every look: finds who is excused, and takes them out of `seen`.  What
        is `final` will not change any more."""
        lags = [{name: members(block) for name, block in blocks(s["lacp/show"]).items()}
                for s in seen]
        shown = blocks(seen[0]["bond/show"])
        rows = {}
        for port in lags[0].keys() & lags[1].keys():
            rows[port] = self.rows(port, lags[0][port], lags[1][port], shown.get(port, ""))
        for one, other in (("patch0", "patch1"), ("patch1", "patch0")):
            if rows.get(one) and other in rows:
                rows[other] = rows[other] | rows[one]
        before = set(self.until)  # also a bond whose LACP was switched off now
        for port, reasons in rows.items():
            if reasons:
                delays = re.findall(r"^(?:up|down)delay: (\d+)", shown.get(port, ""), re.M)
                self.until[port] = now + AFTERMATH + sum(map(int, delays))
        self.stale |= {port for port in self.until if port not in shown}
        self.stale -= shown.keys()
        self.until = {port: end for port, end in self.until.items() if end > now and port in rows}
        self.ended = (self.ended | before) - self.until.keys()
        self.seen_rows = rows
        self.count(seen)
        self.remove_ghosts(seen[0], lags[0].keys() - lags[1].keys())
        self.look_at_addresses(seen, final)
        return [self.without(s) for s in seen]

    def covers(self, bond):  # or bridge
        return bond in self.until or bond in self.confused

    def silences(self, seen):
        """The interfaces whose frames are not compared: of bonds excused in this step."""
        return {interface for s in seen
                for interface in self.interfaces(s, self.until.keys() | self.ended)}

    def step_is_over(self, seen):
        self.ended = set()
        self.total["steps"] += 1
        for port in self.until:
            self.total.update(self.seen_rows.get(port) or ["aftermath"])
        self.total.update(set(self.confused.values()))
        self.addresses = {key: text for key, text in seen[0].items() if key.startswith("fdb/show ")}
        for side in (0, 1):
            for block in blocks(seen[side]["lacp/show"]).values():
                for member in members(block):
                    self.partners[side, member.name] = identity(member.partner)

    def rows(self, port, reference, ours, bond):
        """The rows of the table whose circumstances are there.  `bond` is what bond/show says."""
        rows = set()
        if any(m.name in self.misnamed and m.status == "current" for m in reference + ours):
            rows.add(2)
        looped = [m for m in reference if m.partner.system == m.actor.system]
        if any(self.partners.get((0, m.name), m.partner).system != m.actor.system for m in looped):
            self.looped.add(port)
        if not looped and all(m.partner.system != m.actor.system for m in ours):
            self.looped.discard(port)
        if port in self.looped:
            rows.add(60)
        if not bond:
            return rows
        if port.startswith("patch") and any(
                m.status == "expired" and m.partner.system != NOBODY and
                any(o.name == m.name and o.status == "current" and
                    identity(o.partner) == identity(m.partner) for o in ours) for m in reference):
            rows.add(4)  # after a change of key or port ours asks at once, the reference in its turn
        known = [m for m in reference + ours if m.partner.system not in (NOBODY, m.actor.system)]
        if any("aggregation" not in m.partner.state for m in known):
            rows.add(1)  # an individual link
        groups = {(m.partner.system, m.partner.key, m.partner.priority) for m in known}
        if len(groups) > len({group[:2] for group in groups}):
            rows.add(1)  # one partner with two system priorities
        guests = [m for m in reference if m.status == "expired" and m.partner.system == NOBODY]
        hosts = [m for m in reference if m.partner.system != NOBODY]
        falls_back = "lacp_fallback_ab: true" in bond
        if guests and (hosts or falls_back and any(m.status == "defaulted" for m in reference)):
            rows.add(44)
        changed = self.changed(reference, ours)
        if len({group[:2] for group in groups}) < 2:
            self.unsettled.discard(port)
        elif changed or any(m.status == "expired" for m in known):
            self.unsettled.add(port)
        # Over a patch a partner changes link by link, and ours sees each of them.
        if port in self.unsettled or changed and port.startswith("patch"):
            rows.add(45)
        return rows

    def changed(self, reference, ours):
        """Whether a partner took other parameters."""
        for side, found in enumerate((reference, ours)):
            for member in found:
                before = self.partners.get((side, member.name))
                if before and before.system != NOBODY and before != identity(member.partner):
                    return True
        return False

    def look_at_addresses(self, seen, final):
        """62: static entries that age.  64: of two ports with as many addresses either may lose
        one.  And what an excused bond let through or dropped stays learned."""
        for key in [key for key in seen[0] if key.startswith("fdb/show ")]:
            now, before = seen[0][key], self.addresses.get(key, "")
            differ = final and places(now) != places(seen[1].get(key, ""))
            counts = sorted(collections.Counter(line.split()[0] for line in places(before)).values())
            full = len(places(now)) == len(places(before)) == SMALLEST_TABLE
            if BEFORE_TIME.search(now):
                self.confused[key.split()[1]] = 62
            elif differ and full and counts[-2:-1] == counts[-1:]:
                self.confused[key.split()[1]] = 64
            elif differ and self.until:
                self.confused[key.split()[1]] = "addresses"

    def remove_ghosts(self, seen, ports):
        """63: the reference may go on listing a port whose LACP is off, also according to itself."""
        for port in ports:
            if re.search(rf"lacp_current=\['set', \[\]\] .*name={port} ", seen["interfaces"]):
                self.total[63] += 1
                for key in ("lacp/show", "lacp/show-stats"):
                    seen[key] = "".join(
                        f"---- {name} {'statistics ' if 'stats' in key else ''}----\n{block}"
                        for name, block in blocks(seen[key]).items() if name != port)

    def count(self, seen):
        """What excused bonds count differently, they count differently ever after."""
        counters = [self.counters(s["lacp/show-stats"]) for s in seen]
        for key in counters[0].keys() & counters[1].keys():
            if key[0] in self.until or key[0] in self.ended:
                self.offsets[key] = counters[1][key] - counters[0][key]
            elif counters[1][key] < self.offsets.get(key, 0):
                self.offsets.pop(key)  # LACP was off meanwhile

        def replace(bond, block):
            member = None

            def number(match):
                nonlocal member
                member = match[1] or member
                if match[1]:
                    return match[0]
                value = int(match[3]) - self.offsets.get((bond, member, match[2]), 0)
                return f"  {match[2]}: {value}\n"
            return COUNTER.sub(number, block)
        seen[1]["lacp/show-stats"] = "".join(
            f"---- {bond} statistics ----\n{replace(bond, block)}"
            for bond, block in blocks(seen[1]["lacp/show-stats"]).items())

    def counters(self, text):
        answer = {}
        for bond, block in blocks(text).items():
            member = None
            for name, counter, value in COUNTER.findall(block):
                if name:
                    member = name
                else:
                    answer[bond, member, counter] = int(value)
        return answer

    def without(self, seen):
        seen = {key: text for key, text in seen.items()
                if key.removeprefix("fdb/show ") not in self.confused}
        excused = set(self.interfaces(seen, self.until))
        for key in ("lacp/show", "lacp/show-stats", "bond/show"):
            seen[key] = "".join(f"---- {name} ----\n{block}"
                                for name, block in blocks(seen[key]).items()
                                if name not in self.until)

        def drop(text, column, names):
            return "\n".join(re.sub(rf"{column}=\S+ ", "", line)
                             if re.search(r" name=(\S+)", line)[1] in names else line
                             for line in text.splitlines())
        seen["interfaces"] = drop(seen["interfaces"], "lacp_current", excused)
        seen["ports"] = drop(seen["ports"], "bond_active_slave", self.until.keys() | self.stale)
        return seen

    def interfaces(self, seen, bonds):
        yield from bonds  # a port of one interface has its name
        for line in seen["bond/list"].splitlines()[1:]:
            name, _, _, names = line.split("\t")
            if name in bonds:
                yield from names.split(", ")
