"""Two packages whose modules have the same names, made beside this file, and an event loop."""
import os
import sys

BUG = os.environ["BUG"]
here = os.path.dirname(os.path.abspath(__file__))
for package in ("orders", "users"):
    folder = os.path.join(here, package)
    if not os.path.isdir(folder):
        os.mkdir(folder)
    for name, text in (("__init__", ""), ("views", "import ctypes\n\ndef index(request):\n    return ctypes.string_at(request)\n\ndef detail(request):\n    return ctypes.string_at(request)\n")):
        with open(os.path.join(folder, name + ".py"), "w") as out:
            out.write(text)
sys.path.insert(0, here)
import orders.views
import users.views


def dispatch(view):
    return view(0)


async def serve(view):
    return dispatch(view)


async def main(view):
    await serve(view)


if BUG == "orders":
    dispatch(orders.views.index)
if BUG == "orders_detail":
    dispatch(orders.views.detail)
if BUG == "users":
    dispatch(users.views.index)
if BUG == "async":
    import asyncio

    asyncio.new_event_loop().run_until_complete(main(users.views.index))
