"""Capture files (libpcap's classic format), and a recorder that writes one from a link."""

import ctypes
import os
import select
import socket
import struct
import threading
import time

ETHERNET = 1
CLONE_NEWNET = 0x40000000


def header():
    return struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, ETHERNET)


def record(frame, seconds):
    whole = int(seconds)
    micro = int((seconds - whole) * 1e6)
    return struct.pack("<IIII", whole, micro, len(frame), len(frame)) + frame


def write(path, frames):
    with open(path, "wb") as file:
        file.write(header())
        for frame in frames:
            file.write(record(frame, 0))


def read(path):
    """The frames so far; one that is still being written is left out."""
    with open(path, "rb") as file:
        data = file.read()
    frames, at = [], 24
    while len(data) >= at + 16:
        length = struct.unpack_from("=I", data, at + 8)[0]
        if len(data) < at + 16 + length:
            break
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def link_socket(namespace, device):
    """A raw socket on a device of another namespace: a thread visits it, since a socket stays where
    it was made."""
    made = []

    def visit():
        with open("/run/netns/" + namespace.name, "rb") as there:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                return
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
        link.bind((device, 3))
        made.append(link)

    thread = threading.Thread(target=visit)
    thread.start()
    thread.join()
    return made[0]


class Recorder:
    """Writes what arrives on a device to a file, until it is stopped; can send on it, too."""

    def __init__(self, stack, namespace, device, path):
        self.path = path
        self.socket = link_socket(namespace, device)
        self.file = open(path, "wb", buffering=0)
        self.file.write(header())
        self.wake_up, self.stop_it = os.pipe()
        self.thread = threading.Thread(target=self.record)
        self.thread.start()
        stack.callback(self.stop)

    def record(self):
        while self.wake_up not in select.select([self.socket, self.wake_up], [], [])[0]:
            try:
                frame, (_, _, kind, _, _) = self.socket.recvfrom(65536)
            except OSError:  # the device is down
                continue
            if kind != socket.PACKET_OUTGOING:
                self.file.write(record(frame, time.time()))

    def send(self, frame):
        self.socket.send(frame)

    def stop(self):
        os.write(self.stop_it, b"x")
        self.thread.join()
        self.socket.close()
        self.file.close()
        os.close(self.wake_up)
        os.close(self.stop_it)
