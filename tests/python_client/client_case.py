"""What the tests of this folder start from: one event loop a test, and a relay to break."""

import asyncio
import contextlib

from tests import harness

# Nobody waits this long; a test that does has failed.
_PATIENCE = 240


class ClientTest(harness.ProcessTest):
    """`async def test_...` are tests that end in time."""

    def _callTestMethod(self, method):
        outcome = method()
        if asyncio.iscoroutine(outcome):
            asyncio.run(asyncio.wait_for(outcome, _PATIENCE))

    async def until(self, condition, what, seconds=60):
        """Waits for `condition()`, which may be slow, without holding the event loop up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not await asyncio.to_thread(condition):
            self.assertLess(loop.time(), deadline, f"waited in vain: {what}")
            await asyncio.sleep(0.01)

    async def in_thread(self, function, *arguments, **options):
        """Starts or stops a process meanwhile the stream lives."""
        return await asyncio.to_thread(function, *arguments, **options)


class Events(list):
    """An `on_event` that keeps what it hears."""

    def __call__(self, event):
        self.append(event)

    def count_of(self, kind):
        return sum(event.kind is kind for event in self)

    def states(self):
        """Returns what the servers knew of the session, one after another."""
        return [event.state.name for event in self if event.state.value]


async def count(stream, wanted, first=1):
    """Takes `wanted` results: each message's one, in order. Returns their payloads."""
    payloads = []
    async for result in stream:
        assert result.sequence == first + len(payloads), (result.sequence, first, len(payloads))
        assert result.error is None, result.error
        payloads.append(result.payload)
        if len(payloads) == wanted:
            break
    assert len(payloads) == wanted, (len(payloads), wanted)
    return payloads


class Relay:
    """Passes bytes on to a server, until it breaks or swallows them. Of the running loop."""

    def __init__(self, address):
        self._host, self._port = address.rsplit(":", 1)
        self._server = None
        self._writers = set()
        self._tasks = set()
        self._swallows = False
        self.connections = 0
        self.address = ""

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.break_all()
        for task in list(self._tasks):
            task.cancel()

    def break_all(self):
        """Resets every connection there is. Returns how many there were."""
        broken = len(self._writers) // 2
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._swallows = False
        return broken

    def swallow(self):
        """Connections that are open now stay so, and nothing arrives any more."""
        self._swallows = True

    async def _accept(self, reader, writer):
        self._swallows = False
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.get_running_loop().create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source, sink):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await source.read(1 << 16):
                if not self._swallows:
                    sink.write(data)
                    await sink.drain()
        sink.transport.abort()
        self._writers.discard(sink)
