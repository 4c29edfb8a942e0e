"""std::terminate is called with no exception under way, after one that was caught."""
import ctypes

library = ctypes.CDLL("libstdc++.so.6")


def ends():
    library._ZSt9terminatev()  # at: ends


ends()  # at: <module>
