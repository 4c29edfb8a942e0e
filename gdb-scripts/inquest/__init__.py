"""Reads a dead CPython: helpers that run inside gdb, or in any Python 3.9+ without it."""

VERSION = "0.1.0"
