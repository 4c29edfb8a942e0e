"""The process sends SIGABRT to itself."""
import os
import signal


def stop_here():
    os.kill(os.getpid(), signal.SIGABRT)  # at: stop_here


stop_here()  # at: <module>
