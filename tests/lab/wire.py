"""Raw bytes for the lab `bad_input`, onto a stream socket or a link.

wire.py stream PATH CASE   connects to a unix socket, sends malformed JSON, prints how the peer took it
wire.py lacpdus DEVICE     sends LACPDUs of every wrong length and TLV, prints how many
wire.py flood DEVICE       sends a stranger's LACPDUs for a second, 100,000 if the machine can, prints how many
wire.py tagged DEVICE      sends a stranger's LACPDU behind a VLAN tag
"""

import socket
import sys
import time

CASES = {
    "cut short": b'{"id":0,"method":"echo","params":[',
    "a million deep": b'{"id":0,"method":"echo","params":' + b"[" * 1_000_000,
    "not JSON": b"GET / HTTP/1.1\r\n\r\n",
    "not a request": b'{"id":0}',
    "params missing": b'{"id":0,"method":"echo"}',
}


def stream(path, case):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(path)
        try:
            peer.sendall(CASES[case])
            peer.shutdown(socket.SHUT_WR)
            answer = peer.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    print(answer.decode() if answer else "closed without an answer")


def tlv(kind, length, body):
    return bytes([kind, length]) + body


def system_info(key):
    # priority 1, system 02:..:01, key, port priority 1, port 1, state, 3 reserved
    return bytes.fromhex("0001" "020000000001") + key.to_bytes(2, "big") + bytes.fromhex("00010001" "3d" "000000")


def lacpdu(actor=(1, 20), partner=(2, 20)):
    collector = tlv(3, 16, bytes(14))
    return b"\x01\x01" + tlv(*actor, system_info(1)) + tlv(*partner, system_info(2)) + collector + bytes(52)


def wrong_lacpdus():
    """Cut at every octet; the actor's and the partner's TLV with every other length and type.  (What
    follows them, and the version, are not to be looked at: IEEE 802.1AX-2014, 6.4.2.3.)"""
    whole = lacpdu()
    for length in range(1, len(whole)):
        yield whole[:length]
    for wrong in range(256):
        if wrong != 20:
            yield lacpdu(actor=(1, wrong))
            yield lacpdu(partner=(2, wrong))
        if wrong != 1:
            yield lacpdu(actor=(wrong, 20))
        if wrong != 2:
            yield lacpdu(partner=(wrong, 20))


def send_lacpdus(device):
    count = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, 0))
        header = bytes.fromhex("0180c2000002" "020000000001" "8809")
        for pdu in wrong_lacpdus():
            link.send(header + pdu)
            count += 1
            if count % 50 == 0:
                time.sleep(0.01)  # a receive queue holds a few hundred
    print(count)


STRANGER = bytes.fromhex("0180c2000002" "020000000001")


def flood(device):
    count = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, 0))
        frame = STRANGER + bytes.fromhex("8809") + lacpdu()
        end = time.monotonic() + 1
        while count < 100_000 and time.monotonic() < end:
            for _ in range(100):
                link.send(frame)
            count += 100
    print(count)


def send_tagged(device):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, 0))
        link.send(STRANGER + bytes.fromhex("8100" "0005" "8809") + lacpdu())


if sys.argv[1] == "stream":
    stream(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "flood":
    flood(sys.argv[2])
elif sys.argv[1] == "tagged":
    send_tagged(sys.argv[2])
else:
    send_lacpdus(sys.argv[2])
