"""How fast a stream is beside a plain grpc.aio stream of single messages on the same server.

    throughput.py ADDRESS [SECONDS]

Each has 1,024 messages of 64 bytes in flight on one connection, for SECONDS (5), in turns.
"""

import asyncio
import statistics
import sys
import time

import grpc

import msgproc
from msgproc.v1 import processor_pb2

_IN_FLIGHT = 1024
_PAYLOAD = b"x" * 64
_ROUNDS = 3


async def plain(address: str, seconds: float) -> float:
    """Returns messages a second: a frame for each message, as generated stubs make one write."""
    process = "/msgproc.v1.Processor/Process"
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(
            process,
            request_serializer=processor_pb2.ProcessRequest.SerializeToString,
            response_deserializer=processor_pb2.ProcessResponse.FromString,
        )()
        room = asyncio.Semaphore(_IN_FLIGHT)
        begin = time.monotonic()

        async def write() -> int:
            sequence = 0
            while time.monotonic() - begin < seconds:
                await room.acquire()
                sequence += 1
                message = processor_pb2.Message(sequence=sequence, payload=_PAYLOAD)
                await call.write(processor_pb2.ProcessRequest(messages=[message]))
            await call.done_writing()
            return sequence

        writing = asyncio.create_task(write())
        answered = 0
        while (response := await call.read()) is not grpc.aio.EOF:
            for _ in response.results:
                answered += 1
                room.release()
        assert answered == await writing
        return answered / (time.monotonic() - begin)


async def ours(address: str, seconds: float) -> float:
    """Returns messages a second."""
    window = msgproc.Window(messages=_IN_FLIGHT)
    async with msgproc.connect(target=address, window=window) as stream:
        await stream.connected()
        begin = time.monotonic()

        async def send() -> None:
            while time.monotonic() - begin < seconds:
                await stream.send(_PAYLOAD)
            stream.finish()

        sending = asyncio.create_task(send())
        answered = 0
        async for _ in stream:
            answered += 1
        await sending
        return answered / (time.monotonic() - begin)


async def main() -> None:
    address = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    rates: list[tuple[float, float]] = []
    for _ in range(_ROUNDS):
        rates.append((await plain(address, seconds), await ours(address, seconds)))
        print(f"grpc.aio {rates[-1][0]:9,.0f}/s   msgproc {rates[-1][1]:9,.0f}/s", flush=True)
    ratio = statistics.median(ours / plain for plain, ours in rates)
    print(f"{ratio:.1f} times as fast (median of {_ROUNDS})")


if __name__ == "__main__":
    asyncio.run(main())
