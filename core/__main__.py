"""`python -m core`: the command line."""

import signal

from core.cli import main

if __name__ == "__main__":
    # A server in the background hands on that interrupts are ignored; a cancel has to be heard.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
