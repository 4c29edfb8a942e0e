"""abort() from Python code."""
import os


def give_up(reason):
    os.abort()  # at: give_up


give_up("enough")  # at: <module>
