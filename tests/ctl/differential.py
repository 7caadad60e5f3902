#!/usr/bin/env python3
"""Composes random command lines and compares our ovs-vsctl with the installed one.

Usage: differential.py --bin DIR [--runs N] [--seed N] [--seconds N] [--at N] [--keep-going]

Both programs work on identical databases, each with an installed ovsdb-server of its own.  After
every command line their output, exit status and databases are compared; uuids that the servers
chose count as equal when the rows they name are.  At the end the databases' logs must tell of the
same command lines.  The seed is printed, and a run with the same seed tries the same command lines.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from composer import APPLIED, Composer, Configuration
from databases import Contents, Database

REFERENCE = "/usr/bin/ovs-vsctl"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ROW = re.compile(r"row[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\|")
ALARM = -14


def canonical_output(text, contents):
    text = ROW.sub("<row>", TIME.sub("<time>|", text)).replace(contents.directory, "<rundir>")
    text = re.sub(r">[0-9a-f]{8}</a>", ">...</a>", UUID.sub(lambda m: contents.name(m.group(0)), text))
    # Of several rows that clash, the server names any two.
    text = re.sub(r'multiple rows in \\"\w+\\" table to have identical .*', "a clash", text)
    text = re.sub(r'\["uuid","([^"]*)"\]', r"\1", text)
    text = re.sub(r"\[([^\[\]\n]*)\]",
                  lambda m: "[" + ", ".join(sorted(re.split(", ?", m.group(1)))) + "]", text)
    return re.sub(r"(: at least )\S+ and \S+", r"\1two of them", text)


def sorted_rows(line):
    """A table in JSON on one line, its rows sorted; any other line as it is."""
    before, data, rest = line.partition('"data":[')
    if not data:
        return line
    rows, depth, begin = [], 0, 0
    for i, char in enumerate(rest):
        depth += (char == "[") - (char == "]")
        if char == "]" and depth == 0:
            rows.append(rest[begin:i + 1].lstrip(","))
            begin = i + 1
        elif depth < 0:
            break
    return before + data + ",".join(sorted(rows)) + rest[begin:]


def without_cut_uuids(text, words):
    """Where columns are cut, random uuids are too short to be told by name."""
    width = next((w.partition("=")[2] for w in words if w.startswith("--max-c")), "")
    if not width.isdigit() or int(width) < 1:
        return text
    return re.sub(r"(?<![\w-])(?!abc)[0-9a-f]{%s}(?![\w-])" % width, "<cut>", text)


def run(program, words, database):
    # Both go by the same name, as messages show it.
    arguments = ["ovs-vsctl"] + [os.fsencode(word) for word in words]
    try:
        result = subprocess.run(arguments, executable=program, env=database.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=10, check=False)
        decode = lambda octets: octets.decode("utf-8", "surrogateescape")
        return decode(result.stdout), decode(result.stderr), result.returncode
    except subprocess.TimeoutExpired:
        return "", "<hangs>", 0


def canonical_messages(text):
    """Which of several @names is complained about first is arbitrary."""
    if "is referenced but never created" in text:
        text = "".join(line for line in text.splitlines(True) if "was created but" not in line)
        return re.sub(r"@\w+", "@", text)
    names = iter(sorted(re.findall(r'row id "(@\w*)" was created but', text)))
    return re.sub(r'row id "@\w*"( was created but)',
                  lambda m: 'row id "%s"%s' % (next(names), m.group(1)), text)


def is_unordered(words):
    return any(w in ("list", "find", "show") or w.startswith("--comm") for w in words)


class Comparison:
    def __init__(self, options, directory):
        self.rng = random.Random(options.seed)
        self.programs = [REFERENCE, os.path.join(os.path.abspath(options.bin), "ovs-vsctl")]
        self.databases = [Database(os.path.join(directory, name)) for name in ("theirs", "ours")]
        self.composer = Composer(self.rng, self.databases[0].schema)
        self.known = set()
        self.counts = dict.fromkeys(("succeeded", "failed", "crashed", "hung"), 0)

    def reset(self):
        wanted = Configuration(self.rng)
        for database in self.databases:
            for operations in Configuration.EMPTY + [wanted.operations]:
                for result in database.transact(operations):
                    if result and "error" in result:
                        raise RuntimeError(result)
        self.known = set(wanted.uuids)

    def count(self, err, status):
        what = ("crashed" if status < 0 and status != ALARM else "hung" if err == "<hangs>"
                else "succeeded" if status == 0 else "failed")
        self.counts[what] += 1
        return what

    def step(self, words):
        """A description of the difference, if any, and whether to begin anew."""
        parts, states = [], []
        for program, database in zip(self.programs, self.databases):
            out, err, status = run(program, words, database)
            if program == REFERENCE and self.count(err, status) in ("crashed", "hung"):
                print("nothing to compare with: ovs-vsctl", " ".join(repr(w) for w in words))
                return None, True
            state = Contents(database, self.known)
            out = canonical_output(out, state)
            err = canonical_messages(canonical_output(err, state))
            if is_unordered(words):
                out = without_cut_uuids(out, words)
                lines = [sorted_rows(line) for line in out.replace("\\n", "\n").split("\n")]
                out = "\n".join(sorted(line.rstrip(",]}") for line in lines))
            parts.append((out, err, status))
            states.append(state)
        texts = []
        for i, what in enumerate(("output", "messages", "status")):
            if parts[0][i] != parts[1][i]:
                texts.append("  %s:\n    theirs %r\n    ours   %r" % (what, parts[0][i], parts[1][i]))
        rows = [state.canonical() for state in states]
        if rows[0] != rows[1]:
            only = [[row for row in rows[i] if row not in rows[1 - i]] for i in (0, 1)]
            texts.append("  database:\n    theirs %r\n    ours   %r" % tuple(only))
        spoilt = rows[0] != rows[1] or not states[0].has_applied(APPLIED)
        return "\n".join(texts), spoilt

    def compare_logs(self):
        theirs, ours = (database.comments() for database in self.databases)
        if theirs == ours:
            return 0
        at = next((i for i, pair in enumerate(zip(theirs, ours)) if pair[0] != pair[1]),
                  min(len(theirs), len(ours)))
        print("the logs differ:\n    theirs %r\n    ours   %r" % (theirs[at:at + 2],
                                                               ours[at:at + 2]))
        return 1

    def stop(self):
        for database in self.databases:
            database.stop()


def compare(options, comparison):
    differences = number = 0
    end = time.monotonic() + options.seconds
    while number < options.runs and time.monotonic() < end:
        if number % 25 == 0:
            comparison.reset()
        words = comparison.composer.line()
        if number == options.at:
            for state in comparison.databases[0].contents().items():
                print(state)
        difference, spoilt = comparison.step(words)
        if difference:
            differences += 1
            print("run %d: ovs-vsctl %s\n%s\n" % (
                number, " ".join(repr(w) for w in words), difference), flush=True)
            if differences >= 20 and not options.keep_going:
                break
        if spoilt:
            comparison.reset()
        number += 1
    print("seed %d: %d differences in %d runs (%s)" % (
        options.seed, differences, number,
        ", ".join("%d %s" % (n, what) for what, n in comparison.counts.items())))
    return differences or comparison.compare_logs()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop early after so long")
    parser.add_argument("--at", type=int, help="show the database before this run")
    parser.add_argument("--keep-going", action="store_true", help="look for more than 20")
    options = parser.parse_args()
    if not os.path.exists(REFERENCE):
        print("ovs-vsctl is not installed: nothing to compare with")
        return 77

    directory = tempfile.mkdtemp(prefix="differential-")
    comparison = Comparison(options, directory)
    try:
        return 1 if compare(options, comparison) else 0
    finally:
        comparison.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
