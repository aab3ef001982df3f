"""Drives a program as somebody at a terminal: tools_pty.py PROGRAM ARGUMENT… -- EXPECT SEND [EXPECT SEND …]

Sends each SEND (with Python's escapes: \\x18 is Ctrl-X) once the regular expression EXPECT has been on the screen since
the last one. What comes after the program's end is not sent. Prints what was on the screen, without its colours and
cursor movements, and exits as the program did; 124 if an expected text did not come.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

SECONDS = 60


def read(terminal, until):
    """Some bytes, or None at the program's end or when the time is over."""
    if not select.select([terminal], [], [], max(0, until - time.monotonic()))[0]:
        return None
    try:
        return os.read(terminal, 65536) or None
    except OSError:  # what Linux says when the other side is closed
        return None


def main():
    cut = sys.argv.index("--")
    program, dialogue = sys.argv[1:cut], sys.argv[cut + 1:]
    child, terminal = pty.fork()
    if not child:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execvp(program[0], program)
    screen = b""
    until = time.monotonic() + SECONDS
    steps = list(zip(dialogue[::2], dialogue[1::2]))
    new = b""
    while True:
        while steps and re.search(steps[0][0].encode(), new):
            os.write(terminal, steps.pop(0)[1].encode().decode("unicode_escape").encode("latin-1"))
            new = b""
        some = read(terminal, until)
        if some is None:
            break
        some = re.sub(rb"\x1b(\[[0-9;?>]*[a-zA-Z]|\([A-Z0-9]|[=>])", b"", some)
        screen += some
        new += some
    late = time.monotonic() >= until
    if late:
        os.kill(child, 9)
        print("not within %d s: %s" % (SECONDS, steps[0][0] if steps else "the end"))
    _, status = os.waitpid(child, 0)
    sys.stdout.flush()
    sys.stdout.buffer.write(screen)
    sys.exit(124 if late else os.waitstatus_to_exitcode(status))


main()
