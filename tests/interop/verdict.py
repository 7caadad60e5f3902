"""How a test of real links begins and ends: whatever it made goes with it, also when it is told to
stop."""

import contextlib
import signal
import sys


class Wrong(Exception):
    """What was claimed does not hold."""


def verdict(rehearse):
    """Runs `rehearse(stack)`, a contextlib.ExitStack for all that has to go; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and so through every `finally`
    with contextlib.ExitStack() as stack:
        try:
            rehearse(stack)
        except Wrong as wrong:
            print("FAILED:", wrong)
            return 1
    print("all of this held")
    return 0
