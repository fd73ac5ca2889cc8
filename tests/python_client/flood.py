"""Sends a million messages to an address, takes the results slowly, and says what that held.

    flood.py ADDRESS MESSAGES

Writes its most resident memory, in KiB, after a tenth of the messages and at the end.
"""

import asyncio
import resource
import sys

import msgproc


async def _take(stream, messages):
    taken = 0
    async for result in stream:
        taken += 1
        assert result.sequence == taken, (result.sequence, taken)
        if taken % 4096 == 0:
            # The sender fills the window meanwhile, and waits.
            await asyncio.sleep(0.002)
        if taken == messages // 10:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert taken == messages, taken


async def main():
    address, messages = sys.argv[1], int(sys.argv[2])
    async with msgproc.connect(target=address) as stream:
        taking = asyncio.create_task(_take(stream, messages))
        for i in range(messages):
            await stream.send(b"%0100d" % i)
        stream.finish()
        await taking
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


asyncio.run(main())
