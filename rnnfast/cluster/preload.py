"""What a worker process of this machine imports first: Ctrl-C in a terminal reaches it too, and is the command's."""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
