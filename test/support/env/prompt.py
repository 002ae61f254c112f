"""Runs a program in a terminal of its own, and types the same at each prompt: prompt.py PROMPT TYPED PROGRAM [ARGUMENT…]"""

import os
import pty
import sys

prompt, typed, program = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(program[0], program)
shown, answered = b"", 0
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
    # a prompt that comes for ever is not answered for ever
    if answered < min(shown.count(prompt), 5):
        answered += 1
        os.write(terminal, typed)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
