"""Random frames for a bridge: tagged in every way, to every kind of destination, whole or cut off."""

import struct

from frames import ethernet, mac

STATIONS = [f"50:00:00:00:00:{n:02x}" for n in range(1, 11)]
GROUPS = ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "33:33:00:00:00:01"]
RESERVED = ["01:80:c2:00:00:00", "01:80:c2:00:00:0e", "01:80:c2:00:00:0f", "01:80:c2:00:00:02",
            "00:e0:2b:00:00:00", "00:e0:2b:00:00:04", "01:00:0c:00:00:00", "01:00:0c:cc:cc:cc",
            "01:00:0c:cc:cc:cd", "01:00:0c:cd:cd:cd", "01:00:0c:cc:cc:c3"]
NEARLY_RESERVED = ["01:80:c2:00:00:10", "00:e0:2b:00:00:05", "01:00:0c:cc:cc:c8",
                   "01:00:0c:cc:cc:ce"]
VLANS = [0, 10, 20, 30, 4095]
TPIDS = [0x8100, 0x8100, 0x88a8]


def destination(random):
    return random.choice(random.choices(
        (STATIONS, GROUPS, RESERVED, NEARLY_RESERVED), (12, 6, 1, 1))[0])


def tags(random, vlans):
    """Never with the drop-eligible bit: whether the reference keeps it depends on which port comes
    first, ours keeps it in every tag that does not change.  And a tag of priority alone stands
    alone: what the reference's mirrors make of it before other tags depends on their number."""
    count = random.choice((0, 0, 1, 1, 1, 2, 2, 3))
    octets = b""
    for _ in range(count):
        vlan, priority = random.choice(vlans), random.choice((0, 0, 5))
        if vlan == 0 and count > 1:
            priority = 0
        octets += struct.pack("!HH", random.choice(TPIDS), priority << 13 | vlan)
    return octets


def payload(random, source, station):
    """What follows the tags, and its kind: an Ethernet type and a packet, or an 802.3 length."""
    kind = random.choices(("ipv4", "arp", "garp", "ipv6", "llc", "slow", "unknown"),
                          (8, 2, 3, 1, 1, 1, 1))[0]
    if kind in ("ipv4", "arp", "garp"):
        return kind, ethernet("ff:ff:ff:ff:ff:ff", source, None, kind, station)[12:]
    if kind == "ipv6":
        address = bytes(15) + bytes([station])
        return kind, b"\x86\xdd" + struct.pack("!IHBB16s16s", 6 << 28, 8, 59, 64, address,
                                               address) + bytes(8)
    if kind == "llc":
        return kind, b"\x00\x26\x42\x42\x03" + bytes(43)
    if kind == "slow":
        return kind, b"\x88\x09" + bytes([random.choice((1, 2, 3, 10))]) + bytes(49)
    return kind, b"\x12\x34" + bytes(46)


def random_frame(random, vlans):
    """For numbered()."""
    station = random.randrange(1, len(STATIONS) + 1)
    source = STATIONS[station - 1]
    if random.random() < 0.02:
        source = random.choice(("01:00:5e:00:00:07", "00:00:00:00:00:00"))
    tagged = tags(random, vlans)
    kind, packet = payload(random, source, station)
    to = "ff:ff:ff:ff:ff:ff" if "arp" in kind else destination(random)
    frame = mac(to) + mac(source) + tagged + packet
    if random.random() < 0.03:
        # Cut off; not within the first tag: only the reference's mirrors see such a frame.
        return frame[:max(18, random.randrange(14, 40))]
    return frame


def numbered(frame, number):
    """It ends in the four octets of its number, so that its copies can be told; not one that was
    cut off."""
    return frame if len(frame) < 40 else frame + struct.pack("!I", number)
