"""Dies inside one asyncio task while others wait; 3.6 and later."""
import asyncio
import ctypes


def numbers():
    yield 1
    yield 2


async def ticks():
    for each in range(3):
        await asyncio.sleep(0)
        yield each
        await asyncio.sleep(100)


async def leaf(number):
    marker = "leaf %d" % number
    await asyncio.sleep(1000)


async def middle(number):
    await leaf(number)


async def iterates():
    async for each in ticks():
        pass


async def waits_for(task):
    await task


async def gathers():
    await asyncio.gather(middle(10), asyncio.gather(middle(11)))


async def crash():
    pending = numbers()
    next(pending)
    never_begun = numbers()
    for each in numbers():
        for _ in range(5):
            await asyncio.sleep(0.02)
        ctypes.string_at(0)


async def groups():
    if hasattr(asyncio, "TaskGroup"):
        async with asyncio.TaskGroup() as group:
            group.create_task(leaf(20))
            group.create_task(leaf(21))
    else:
        await asyncio.wait([asyncio.ensure_future(leaf(20)), asyncio.ensure_future(leaf(21))])


async def main():
    # Code that ran a few times is rewritten in place by 3.11 and later.
    for _ in range(20):
        warm = middle(0)
        warm.send(None)
        warm.close()
    first = asyncio.ensure_future(middle(1))
    if hasattr(first, "set_name"):
        first.set_name(u"n\u0416me")
    kept = [first, asyncio.ensure_future(waits_for(first)), asyncio.ensure_future(iterates()), asyncio.ensure_future(gathers()), asyncio.ensure_future(groups())]
    await crash()

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
