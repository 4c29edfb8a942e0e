"""Crashes inside an except block, with a chain of exceptions."""
import ctypes


def parse(text):
    try:
        int(text)
    except ValueError as error:
        raise KeyError("no such setting: " + text)


def recover():
    try:
        parse("nine")
    except KeyError as problem:
        ctypes.string_at(0)  # at: recover


recover()  # at: <module>
