"""What ``probeSandbox`` has gdb source once: checks the sandbox from inside and prints one line of JSON."""

import json
import os
import resource

import gdb


def denied(action):
    """Whether ``action`` fails, as it must."""
    try:
        action()
    except (OSError, ImportError):
        return True
    return False


def open_socket():
    import socket

    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def problems():
    """What is wrong with this gdb or this sandbox, in words."""
    if not hasattr(gdb, "MICommand"):
        yield "gdb %s is too old, 12 is needed" % gdb.VERSION
    if not denied(open_socket):
        yield "a socket can be opened"
    if not denied(fork):
        yield "a process can be started"
    for path in ("/job/probe", "/inquest/probe", "/probe"):
        if not denied(lambda path=path: open(path, "w").close()):
            yield "%s can be written" % path
    for path in ("/etc/passwd", "/bin/sh", "/usr/bin/sh", "/root", "/home", "/proc/self"):
        if os.path.exists(path):
            yield "%s can be seen" % path
    if resource.getrlimit(resource.RLIMIT_CORE)[0] != 0:
        yield "core dumps are on"
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        yield "memory is not limited"


print(json.dumps({"gdb": gdb.VERSION, "problems": list(problems())}))
