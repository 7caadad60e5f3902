#!/usr/bin/env python3
"""The hosts behind a switch's ports: keeps all devices of its namespace sending and receiving.

Reads a request a line, a JSON array, and answers with a line each:
  ["traffic", true|false]   whether to send all the time; answers with the number of frames so far
  ["probe", device...]      one broadcast frame from each; answers {from: {to: copies}}
  ["stations", device, first, count]      a frame from each of so many addresses
  ["broadcasts", device, count, pause]    so many from one address, a pause of seconds between two
"""

import json
import os
import random
import select
import socket
import struct
import sys
import time

PROBE, NOISE = 0x88B5, 0x88B6  # EtherTypes for local experiments: IEEE 802
ALL = 3  # ETH_P_ALL
BROADCAST = b"\xff" * 6


def devices():
    return [name for _, name in socket.if_nameindex() if name != "lo"]


def open_device(name):
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        device.bind((name, ALL))
    except OSError:
        device.close()
        return None
    return device


def station(number):
    return struct.pack("!HI", 0x0200, number)


class Traffic:
    """Broadcast, unknown and known destinations, of all sizes, from every device in turn."""

    def __init__(self):
        self.sockets, self.sent, self.looked = {}, 0, 0.0

    def run(self):
        if time.monotonic() - self.looked > 0.05:
            self.open_all()
        for name, device in list(self.sockets.items()):
            for _ in range(8):
                try:
                    device.send(self.frame())
                    self.sent += 1
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno != 100:  # ENETDOWN: up again some time
                        device.close()
                        del self.sockets[name]
                    break
            else:
                self.drain(device)

    def open_all(self):
        """Devices that came; a socket on one that went says so itself."""
        self.looked = time.monotonic()
        for name in devices():
            if name not in self.sockets and (device := open_device(name)):
                self.sockets[name] = device

    @staticmethod
    def drain(device):
        try:
            for _ in range(64):
                device.recv(64)
        except OSError:
            pass

    @staticmethod
    def frame():
        to = BROADCAST if random.random() < 0.1 else station(random.randrange(64))
        size = random.choice((46, 46, 200, 1486))
        return to + station(random.randrange(64)) + struct.pack("!H", NOISE) + bytes(size)

    def close(self):
        for device in self.sockets.values():
            device.close()
        self.sockets = {}


def probe(names):
    """Sends one frame from each device, and counts arrivals until there have been none for a
    while."""
    sockets = {name: device for name in names if (device := open_device(name))}
    token = os.urandom(8)
    names = list(names)
    counts = {name: {} for name in names}
    for number, name in enumerate(names):
        if name not in sockets:
            continue
        frame = BROADCAST + station(1000 + number) + struct.pack("!H", PROBE) + token + bytes([number])
        try:
            sockets[name].send(frame.ljust(60, b"\0"))
        except OSError:
            pass
    by_fd = {device.fileno(): (name, device) for name, device in sockets.items()}
    poll = select.poll()
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + 5
    while (ready := poll.poll(300)) and time.monotonic() < deadline:
        for fd, _ in ready:
            name, device = by_fd[fd]
            try:
                frame, address = device.recvfrom(128)
            except OSError:
                continue
            if address[2] == socket.PACKET_OUTGOING or frame[14:22] != token:
                continue
            arrived = counts[names[frame[22]]]
            arrived[name] = arrived.get(name, 0) + 1
    for device in sockets.values():
        device.close()
    return counts


def stations(name, first, count):
    """Each to the next, and so unknown when it is sent."""
    device = open_device(name)
    device.setblocking(True)
    for number in range(first, first + count):
        device.send(station(number + 1) + station(number) + struct.pack("!H", NOISE) + bytes(46))
    device.close()
    return count


def broadcasts(name, count, pause):
    device = open_device(name)
    device.setblocking(True)
    for _ in range(count):
        device.send(BROADCAST + station(1) + struct.pack("!H", NOISE) + bytes(46))
        time.sleep(pause)
    device.close()
    return count


REQUESTS = {"probe": lambda *names: probe(names), "stations": stations, "broadcasts": broadcasts}


def main():
    traffic, running, pending = Traffic(), False, b""
    while True:
        if running:
            traffic.run()
        if not select.select([0], [], [], 0.002 if running else None)[0]:
            continue
        data = os.read(0, 65536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            what, *arguments = json.loads(line)
            if what == "traffic":
                running = arguments[0]
                if not running:
                    traffic.close()
                answer = traffic.sent
            else:
                answer = REQUESTS[what](*arguments)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
