"""The frames that scripts inject, and the words for those that the switches send."""

import struct

SLOW = "01:80:c2:00:00:02"
STATES = ["activity", "timeout", "aggregation", "synchronized", "collecting", "distributing",
          "defaulted", "expired"]


def mac(text):
    return bytes(int(octet, 16) for octet in text.split(":"))


def mac_text(octets):
    return ":".join(f"{octet:02x}" for octet in octets)


def ethernet(destination, source, vlan, kind, station):
    """A complete frame of 64 octets or so; `kind` is ipv4, arp or garp."""
    header = mac(destination if kind == "ipv4" else "ff:ff:ff:ff:ff:ff") + mac(source)
    if vlan is not None:
        header += struct.pack("!HH", 0x8100, vlan)
    address = bytes([10, 0, 0, station])
    if kind == "ipv4":
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 46, 0, 0, 64, 253, 0, address, bytes([10, 0, 0, 99]))
        total = sum(struct.unpack("!10H", ip))
        total = (total & 0xffff) + (total >> 16)
        ip = ip[:10] + struct.pack("!H", ~total & 0xffff) + ip[12:]
        return header + b"\x08\x00" + ip + bytes(26)
    return header + arp(source, address, address if kind == "garp" else bytes([10, 0, 0, 99]))


def arp(source, address, target):
    """A request, from the EtherType on."""
    return b"\x08\x06" + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac(source), address,
                                     bytes(6), target) + bytes(18)


def arp_request(source, address, target):
    return mac("ff:ff:ff:ff:ff:ff") + mac(source) + arp(source, address, target)


def party(system_priority, system, key, port_priority, port, state):
    return struct.pack("!H6sHHHB3x", system_priority, system, key, port_priority, port, state)


def lacpdu(source, system, priority, key, port_priority, port, state, partner, version=1):
    """`partner` are the 15 octets that the receiver last sent as its actor; None for unknown.  One
    who does not know its partner is not in sync with it."""
    if partner is None:
        partner, state = bytes(15), state & ~0x38
    actor = party(priority, mac(system), key, port_priority, port, state)
    return (mac(SLOW) + mac(source) + b"\x88\x09" + bytes([1, version]) + b"\x01\x14" + actor +
            b"\x02\x14" + partner + bytes(3) + b"\x03\x10" + bytes(14) + bytes(52))


def marker(source, system, port, transaction, kind=1):
    return (mac(SLOW) + mac(source) + b"\x88\x09" + bytes([2, 1, kind, 16]) +
            struct.pack("!H6sIH", port, mac(system), transaction, 0) + bytes(92))


def is_slow(frame):
    return frame[12:14] == b"\x88\x09"


def words(state):
    return " ".join(word for bit, word in enumerate(STATES) if state >> bit & 1)


def describe_party(octets):
    priority, system, key, port_priority, port, state = struct.unpack("!H6sHHHB", octets[:15])
    return f"{priority} {mac_text(system)} key {key} port {port_priority} {port} [{words(state)}]"


def describe(frame):
    """A LACPDU in words, another frame as octets."""
    if is_slow(frame) and len(frame) == 124 and frame[14] == 1:
        return f"lacpdu from {describe_party(frame[18:33])} to {describe_party(frame[38:53])}"
    return frame.hex()
