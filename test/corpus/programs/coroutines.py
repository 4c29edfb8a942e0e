"""asyncio: a task awaits a coroutine that crashes while two other tasks wait."""
import asyncio
import ctypes


async def waits(event):
    await event.wait()


async def deepest():
    await asyncio.sleep(0.05)
    ctypes.string_at(0)  # at: deepest


async def between():
    await deepest()  # at: between


async def numbers():
    yield 1
    await between()  # at: numbers


async def main():
    loop = asyncio.get_event_loop()
    event = asyncio.Event()
    waiting = [loop.create_task(waits(event)) for _ in range(2)]
    async for number in numbers():  # at: main
        pass


asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())  # at: <module>
