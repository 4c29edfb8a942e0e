"""A thread imports a module that wants a lock; the thread that has the lock wants the module. To be cored from outside."""
import os
import sys
import tempfile
import threading
import time

lock = threading.RLock()
folder = tempfile.mkdtemp()
with open(os.path.join(folder, "slow_module.py"), "w") as out:
    out.write("import time\ntime.sleep(0.5)\nimport __main__\nwith __main__.lock:\n    pass\n")
sys.path.insert(0, folder)


def imports():
    import slow_module


def locks():
    with lock:
        time.sleep(0.2)
        import slow_module


for target in (imports, locks):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.start()
time.sleep(1.2)
sys.stdout.write("ready\n")
sys.stdout.flush()
time.sleep(1000)  # at: <module>
