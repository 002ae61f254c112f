"""worker: sends mail. Of the Secret it takes the password of the mail server, and nothing else."""

import os
import signal
import sys
import threading

if not os.environ.get("SMTP_PASSWORD"):
    sys.exit("SMTP_PASSWORD is missing")

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
# a real worker waits for its queue here
while not stopped.wait(60):
    pass
