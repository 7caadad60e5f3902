"""Checks every #include of the product against the picture in README.md.

includes.py SOURCE_DIR   prints one line per violation; exits with 1 if there is any

An include goes down the picture or stays level.  Whoever may include a folder may also meet what
that folder includes, so checking each file's own lines checks all that it reaches.
"""

import pathlib
import re
import sys

# The decisions: event and time in, actions out.
PURE = {
    "vswitchd/net": set(),
    "vswitchd/lacp": {"vswitchd/net"},
    "vswitchd/bond": {"vswitchd/lacp", "vswitchd/net"},
    "vswitchd/fdb": {"vswitchd/net"},
    "vswitchd/stp": {"vswitchd/net"},
    "vswitchd/rstp": {"vswitchd/stp", "vswitchd/net"},
}

# All that PURE folders may take from outside: values and algorithms, nothing that reaches a socket,
# a clock, JSON, SQL or a thread.  <chrono> has clocks, so only the one header that makes our types of it has it.
PLAIN_HEADERS = set(
    """algorithm array bit bitset cassert cctype charconv compare concepts cstddef cstdint cstring
    deque functional initializer_list iterator limits list map memory numeric optional queue random
    ranges set span string string_view tuple type_traits unordered_map unordered_set utility variant
    vector fmt/compile.h fmt/format.h fmt/ranges.h tl/expected.hpp""".split()
)
CHRONO_AT = "vswitchd/net/time.hpp"

DECISIONS = set(PURE)
BRIDGE = DECISIONS | {"vswitchd/bridge"}
DATABASE = {"db/engine", "db/rpc", "vswitchd/net"}
MAY_INCLUDE = PURE | {
    "vswitchd/bridge": DECISIONS,
    "vswitchd/netdev": {"vswitchd/net"},
    "vswitchd/datapath": BRIDGE | {"vswitchd/netdev"},
    "vswitchd/config": BRIDGE | {"db/engine"},
    "vswitchd/daemon": BRIDGE | DATABASE
    | {"vswitchd/config", "vswitchd/datapath", "vswitchd/netdev", "process"},
    "vswitchd": BRIDGE | DATABASE | {"vswitchd/daemon", "db/replica", "db/server", "db/store", "process"},
    "db/engine": {"vswitchd/net"},
    "db/rpc": {"db/engine", "vswitchd/net"},
    "db/store": DATABASE | {"process"},
    "db/client": DATABASE,
    "db/server": DATABASE | {"db/store", "process"},
    "db/replica": DATABASE | {"db/server", "process"},
    "db/tool": DATABASE | {"db/store", "process"},
    "db": DATABASE | {"db/server", "db/store", "process"},
    "process": {"db/engine", "db/rpc", "vswitchd/net"},
    "ctl": DATABASE | {"db/client", "process"},
    "appctl": DATABASE | {"process"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
CLOCK = re.compile(r"_clock\b|\bclock_gettime\b|\bgettimeofday\b")
TOP_FOLDERS = ("vswitchd", "db", "process", "ctl", "appctl")


def violations(source):
    for top in TOP_FOLDERS:
        for path in sorted((source / top).rglob("*.[ch]pp")):
            yield from violations_in(path.relative_to(source).as_posix(), path.read_text())


def violations_in(path, text):
    folder = path.rpartition("/")[0]
    if folder not in MAY_INCLUDE:
        yield f"{path}: {folder} is not in the picture"
        return
    for bracket, header in INCLUDE.findall(text):
        if bracket == "<":
            if folder in PURE and not is_plain(path, header):
                yield f"{path}: <{header}> does not belong where decisions are made"
        elif not may_include(folder, header.rpartition("/")[0]):
            yield f'{path}: "{header}" is not below it in the picture'
    if folder in PURE and path != CHRONO_AT and CLOCK.search(text):
        yield f"{path}: reads a clock; time comes from the caller"


def is_plain(path, header):
    return header in PLAIN_HEADERS or (header == "chrono" and path == CHRONO_AT)


def may_include(folder, included):
    return included == folder or included in MAY_INCLUDE[folder]


def main():
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "every include goes down or stays level")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
