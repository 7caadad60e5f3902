#!/usr/bin/python3
"""pssl: and ssl: remotes of our ovsdb-server with the reference's client: who has a certificate of
the right CA is served, nobody else.  Usage: tls_test.py PROGRAM TOOL SCHEMA

Exit status 77: there is no ovsdb-client or openssl on this machine.
"""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from wire import Server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Certificates:
    """A CA with certificates for a server and a client, and a stranger's."""

    def __init__(self, directory):
        self.directory = directory
        for ca in ("ca", "other-ca"):
            self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                         "/CN=" + ca, "-keyout", self.key(ca), "-out", self.certificate(ca))
        for name, ca in (("server", "ca"), ("client", "ca"), ("stranger", "other-ca")):
            request = os.path.join(directory, name + ".csr")
            self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout",
                         self.key(name), "-out", request)
            self.openssl("x509", "-req", "-in", request, "-CA", self.certificate(ca), "-CAkey",
                         self.key(ca), "-CAcreateserial", "-days", "2", "-out", self.certificate(name))

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def key(self, name):
        return os.path.join(self.directory, name + ".key")

    def certificate(self, name):
        return os.path.join(self.directory, name + ".pem")

    def options(self, name, ca="ca"):
        return ["--private-key=" + self.key(name), "--certificate=" + self.certificate(name),
                "--ca-cert=" + self.certificate(ca)]


def lists_databases(port, options):
    done = subprocess.run(["ovsdb-client", "--timeout=10", *options, "list-dbs",
                           "ssl:127.0.0.1:%d" % port], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Open_vSwitch" in done.stdout


def eventually(condition):
    deadline = time.monotonic() + 15
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def garbage(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n" * 100)
        client.settimeout(5)
        try:
            while client.recv(1000):
                pass
        except OSError:
            pass


def checks(program, tool, schema, certificates):
    port = free_port()
    arguments = ["--remote=pssl:%d:127.0.0.1" % port, *certificates.options("server")]
    with Server(program, tool, schema, arguments) as server:
        yield "a client of the CA", lists_databases(port, certificates.options("client"))
        yield "a stranger", not lists_databases(port, certificates.options("stranger", "ca"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        yield "a client without certificate", not answers_without_certificate(port, context)
        silent = socket.create_connection(("127.0.0.1", port))
        garbage(port)
        yield "after garbage", lists_databases(port, certificates.options("client"))
        silent.close()
        yield "alive", server.alive()

    port = free_port()
    places = ["--private-key=db:Open_vSwitch,SSL,private_key", "--certificate=db:Open_vSwitch,SSL,certificate",
              "--bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert",
              "--remote=db:Open_vSwitch,Open_vSwitch,manager_options"]
    with Server(program, tool, schema, places) as server:
        def vsctl(*arguments):
            subprocess.run(["ovs-vsctl", "--db=unix:" + server.socket_path, "--no-wait", "--timeout=10",
                            *arguments], check=True)
        vsctl("set-manager", "pssl:%d:127.0.0.1" % port)
        yield "no keys yet", not lists_databases(port, certificates.options("client"))
        vsctl("set-ssl", certificates.key("server"), certificates.certificate("server"),
              certificates.certificate("ca"))
        yield "keys from the database", eventually(
            lambda: lists_databases(port, certificates.options("client")))
        vsctl("del-manager")
        yield "the remote is gone", eventually(
            lambda: not lists_databases(port, certificates.options("client")))
        yield "connects to a client that listens", connects_out(vsctl, certificates)


def answers_without_certificate(port, context):
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as client:
            client.settimeout(5)
            client.sendall(b'{"id":1,"method":"echo","params":[]}')
            return bool(client.recv(100))
    except OSError:
        return False


def connects_out(vsctl, certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate("client"), certificates.key("client"))
    context.load_verify_locations(certificates.certificate("ca"))
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(15)
        vsctl("set-manager", "ssl:127.0.0.1:%d" % listener.getsockname()[1])
        with context.wrap_socket(listener.accept()[0], server_side=True) as client:
            client.settimeout(10)
            client.sendall(b'{"id":1,"method":"echo","params":[7]}')
            return b"[7]" in client.recv(1000)


def main():
    program, tool, schema = sys.argv[1:4]
    if not shutil.which("ovsdb-client") or not shutil.which("openssl"):
        print("no ovsdb-client or openssl on this machine")
        return 77
    failures = 0
    with tempfile.TemporaryDirectory(prefix="bondway-tls-") as directory:
        for name, holds in checks(program, tool, schema, Certificates(directory)):
            print("%-6s %s" % ("ok" if holds else "FAILED", name))
            failures += not holds
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
