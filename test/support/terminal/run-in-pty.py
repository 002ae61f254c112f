"""Runs a program in a pseudo-terminal of its own: python3 run-in-pty.py COLUMNS ROWS PROGRAM ARGS...

What the program writes goes to standard output as it is. Each line of standard input is JSON: {"send": TEXT} is typed,
{"resize": [COLUMNS, ROWS]} changes the size, {"signal": NAME} is sent to the program. Ends with the exit status of the program, 128 and the number of a signal that ended it.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

columns, rows, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]


def resize(descriptor, columns, rows):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


go, ready = os.pipe()
pid, master = pty.fork()
if pid == 0:
    os.close(ready)
    os.read(go, 1)
    os.execvp(argv[0], argv)
resize(master, columns, rows)
os.close(ready)

pending = b""
sources = [master, 0]
while True:
    readable, _, _ = select.select(sources, [], [])
    if master in readable:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        try:
            os.write(1, data)
        except BrokenPipeError:
            # whoever looked is gone
            os.kill(pid, signal.SIGKILL)
            break
    if 0 in readable:
        data = os.read(0, 65536)
        if not data:
            sources.remove(0)
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "send" in order:
                os.write(master, order["send"].encode())
            if "resize" in order:
                resize(master, *order["resize"])
                os.kill(pid, signal.SIGWINCH)
            if "signal" in order:
                os.kill(pid, getattr(signal, order["signal"]))
_, status = os.waitpid(pid, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
