"""Half a million objects of many kinds, some open files, and a crash: what walks over a heap are measured on."""
import ctypes
import tempfile


class Node(object):
    def __init__(self, number, parent):
        self.number = number
        self.parent = parent
        self.names = ["node %d" % number, u"child of %d" % (number // 2)]
        self.index = {number: parent, "next": (number + 1, float(number))}


nodes = []
for number in range(60000):
    nodes.append(Node(number, nodes[number // 2] if nodes else None))
files = [tempfile.TemporaryFile() for _ in range(20)]
for each in files:
    each.write(b"not flushed")
ctypes.string_at(0)
