import ctypes, os
def spill():
    ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libext.so")).run(24)
spill()
