"""C++ throws through the interpreter, which catches nothing: the library's own function that throws std::length_error."""
import ctypes


def throws():
    ctypes.CDLL("libstdc++.so.6")._ZSt20__throw_length_errorPKc(b"the basket is full")  # at: throws


throws()  # at: <module>
