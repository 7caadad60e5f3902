"""tshark's opinion of frames of link aggregation: an independent reading of every field."""

import os
import shutil
import subprocess
import xml.etree.ElementTree

from ends import Party
from frames import words

# What tshark must find in a LACPDU and a Marker PDU, and nothing else: no trailer, no leftovers.
LAYERS = (["geninfo", "frame", "eth", "slow", "lacp"], ["geninfo", "frame", "eth", "slow", "marker"])
FRAME_SIZE = 124
EXPERT = ("_ws.expert", "_ws.malformed", "_ws.short", "_ws.lua")
ZERO = ("lacp.actor.reserved", "lacp.partner.reserved", "lacp.coll_reserved", "lacp.pad",
        "lacp.collector.max_delay", "marker.requesterPad", "marker.reserved")


class Decoded:
    """One frame: the names of its layers, and every field's value."""

    def __init__(self, packet):
        self.protocols = [proto.get("name") for proto in packet.findall("proto")]
        self.fields, self.expert = {}, []
        for field in packet.iter():
            name = field.get("name") or ""
            if name.startswith(EXPERT):
                self.expert.append(field.get("showname") or field.get("show") or name)
            self.fields.setdefault(name, []).append(field)
        self.number = int(self.fields["num"][0].get("show"))

    def is_lacpdu(self):
        return "lacp" in self.protocols

    def value(self, name):
        return int(self.fields[name][0].get("show"), 0)

    def party(self, side):
        """`actor` or `partner` of a LACPDU."""
        prefix = f"lacp.{side}."
        return Party(self.value(prefix + "sys_priority"),
                     self.fields[prefix + "sysid"][0].get("show"), self.value(prefix + "key"),
                     self.value(prefix + "port_priority"), self.value(prefix + "port"),
                     words(self.value(prefix + "state")))

    def marker(self):
        """Kind (1 question, 2 answer), requester's port and system, transaction."""
        return (self.value("marker.tlvType"), self.value("marker.requesterPort"),
                self.fields["marker.requesterSystem"][0].get("show"),
                self.value("marker.requesterTransId"))

    def complaints(self):
        found = [text.strip() for text in self.expert]
        if self.protocols not in LAYERS:
            found.append("layers " + " ".join(self.protocols))
        if self.value("len") != FRAME_SIZE:
            found.append(f"{self.value('len')} octets")
        for name in ("lacp.tlv_type", "marker.tlvType"):
            found += [field.get("showname") for field in self.fields.get(name, [])
                      if "Unknown" in field.get("showname")]
        for name in ZERO:
            for field in self.fields.get(name, []):
                if field.get("value", "").strip("0"):
                    found.append(f"{name} is {field.get('show')}")
        return [f"frame {self.number}: {text}" for text in found]


def missing():
    return None if shutil.which("tshark") else "tshark is not installed"


def decode(path):
    """Every frame of a capture file."""
    environment = dict(os.environ, LC_ALL="C")
    text = subprocess.run(["tshark", "-n", "-r", path, "-T", "pdml"], check=True, timeout=120,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [Decoded(packet) for packet in xml.etree.ElementTree.fromstring(text).iter("packet")]


def complaints(decoded):
    return [text for each in decoded for text in each.complaints()]
