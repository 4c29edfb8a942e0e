"""What a worker has gdb source once: bytecode for the copy of the helpers at ``/inquest``, which is writable for this one gdb."""

import compileall

print("compiled" if compileall.compile_dir("/inquest", quiet=2, maxlevels=8) else "not compiled")
