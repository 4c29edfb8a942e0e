import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def use(block):
    return ctypes.c_long.from_address(block).value
def end():
    ctypes.string_at(0)
block = libc.malloc(16)
use(block + 16)
libc.free(block)
use(block)
end()
