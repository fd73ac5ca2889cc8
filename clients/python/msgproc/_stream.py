"""The stream: what the machine decides, done with grpc.aio."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc

from msgproc._errors import Code, StreamError, stream_error
from msgproc._machine import Machine, Settings, Step
from msgproc._routing import Backoff
from msgproc._transport import Transport, error_of_rpc, fetch_token
from msgproc._values import Event, Headers, Result, Window, check_headers
from msgproc.v1 import processor_pb2


class _Signal:
    """Wakes all who wait, in this turn of the event loop only."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def set(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter


class Stream:
    """The other end of the permanent socket: sends messages, and gives exactly one result for
    each, whatever becomes of connections and servers in between.

    Memory is bounded by the window: results that nobody takes fill it, too. So whoever sends
    without end takes results at the same time. Of one event loop; not thread-safe.
    """

    def __init__(
        self,
        *,
        target: str = "",
        balancers: Sequence[str] = (),
        handler: str = "",
        session_id: str = "",
        session_token: bytes = b"",
        client_name: str = "",
        affinity_key: str = "",
        credentials: grpc.ChannelCredentials | None = None,
        token_provider: Callable[[], Awaitable[str]] | None = None,
        on_event: Callable[[Event], None] | None = None,
        window: Window = Window(),
        backoff: Backoff = Backoff(),
        connect_timeout: float = 10.0,
        give_up_after: float = math.inf,
        require_durable: bool = False,
        channel_options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """Of a stream for one `async with`, which connects in the background.

        target: host:port, or any gRPC target. Either this or `balancers`.
        balancers: whom to ask for a server, each host:port, tried in order.
        handler: of the session's messages; empty: the server's default.
        session_id, session_token: empty: random. See `Open` in processor.proto. A session whose
            messages another stream has sent cannot be gone on with.
        client_name: for the servers' logs. affinity_key: for the balancer.
        credentials: grpc.ssl_channel_credentials(...); None: plaintext.
        token_provider: gives the token (a JWT) of each call, and a fresh one before that expires.
            An OSError, or an Error that a stream would reconnect after, is tried again with the
            usual backoff; any other ends the stream. Tokens travel as they are: use TLS.
        on_event: called with each Event, by the event loop.
        connect_timeout: seconds that one attempt to connect may take.
        give_up_after: seconds without any server after which the stream ends Unavailable.
        require_durable: the stream ends where the server keeps the session in no store.
        channel_options: of gRPC, added to the client's own, and the last word on them.

        Raises ValueError where these do not fit together.
        """
        if bool(target) == bool(balancers) or isinstance(balancers, str):
            raise ValueError("give either target, or balancers, a list of addresses")
        if session_token and not 16 <= len(session_token) <= 64:
            raise ValueError(f"session_token has {len(session_token)} bytes; it takes 16 to 64")
        opening = processor_pb2.Open(
            session_id=session_id or secrets.token_hex(16),
            session_token=session_token or secrets.token_bytes(32),
            client_name=client_name,
            handler=handler,
            instance=secrets.randbits(64) | 1,  # 0 would be none.
        )
        self._settings = Settings(
            opening=opening,
            target=target,
            window=window,
            backoff=backoff,
            connect_timeout=connect_timeout,
            give_up_after=give_up_after,
            require_durable=require_durable,
            own_token=not session_token,
            needs_token=token_provider is not None,
        )
        self._transport = Transport(credentials, channel_options, balancers, affinity_key)
        self._token_provider = token_provider
        self._on_event = on_event
        self._began = False
        self._call: Any = None
        self._writing = False
        self._readers = 0
        self._requests: dict[int, asyncio.Future[Result]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._wake = _Signal()  # For whoever writes, or connects.
        self._news = _Signal()  # For callers.
        self._turn = asyncio.Lock()  # Of senders who wait for room.

    async def __aenter__(self) -> "Stream":
        if self._began:
            raise RuntimeError("a stream is for one `async with`; connect another")
        self._began = True
        self._loop = asyncio.get_running_loop()
        random = secrets.SystemRandom().random
        self._machine = Machine(self._settings, self._loop.time(), random)
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._on_done)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await (self.close() if kind is None else self.cancel())

    # --- What the caller does --------------------------------------------------

    async def connected(self) -> None:
        """Waits until a server has answered; raises StreamError where the stream ends first."""
        while not self._machine.session.window.connected:
            if self._machine.ended:
                raise self._machine.error or stream_error(Code.CANCELLED, "the stream is closed")
            await self._news.wait()

    async def send(self, payload: bytes, headers: Headers = ()) -> int:
        """Sends a message and returns its sequence; sequences rise by one from 1.

        Waits while the window is full; one that is cancelled then sends nothing. Raises
        MessageError for a message that may not be sent, StreamError once the stream has ended.
        What is sent in one turn of the event loop leaves together.
        """
        return await self._send(payload, headers, False)

    async def request(self, payload: bytes, headers: Headers = ()) -> Result:
        """Sends a message and returns its result, which `async for` then does not give.

        Raises as `send` does, and MessageError for a message that failed.
        """
        sequence = await self._send(payload, headers, True)
        future: asyncio.Future[Result] = self._loop.create_future()
        self._requests[sequence] = future
        result = await future
        if result.error:
            raise result.error
        return result

    async def _send(self, payload: bytes, headers: Headers, request: bool) -> int:
        machine = self._machine
        pairs = check_headers(headers) if headers else ()
        if machine.session.window.frame_full:
            await asyncio.sleep(0)  # Let it leave meanwhile.
        sequence = 0 if self._turn.locked() else machine.append(payload, pairs, request)
        if not sequence:
            async with self._turn:
                while not (sequence := machine.append(payload, pairs, request)):
                    await self._news.wait()
        self._wake.set()
        return sequence

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Gives results, in order of sequence, until `finish` or the end of the stream.

        Raises StreamError, behind the last result there is, when the stream failed.
        """
        machine = self._machine
        self._readers += 1
        try:
            while True:
                while machine.results:
                    paused = machine.paused
                    result = machine.take_result()
                    if paused:
                        self._wake.set()
                    self._news.set()
                    yield result
                if machine.ended or machine.drained:
                    break
                await self._news.wait()
            if machine.error:
                raise machine.error
        finally:
            self._readers -= 1
            self._news.set()

    def finish(self) -> None:
        """No more messages: `async for` ends behind the last result, and so does the stream."""
        self._machine.finish()
        if self._machine.ended:
            self._task.cancel()  # It may be looking for a server.
        self._after()

    async def close(self) -> None:
        """Finishes, and waits until every message has its result and the server knows.

        Results that no `async for` is there to take are dropped meanwhile.
        """
        self.finish()
        try:
            while not self._task.done():
                if not self._readers:
                    self._machine.drop_results()
                    self._wake.set()
                await self._news.wait()
        except asyncio.CancelledError:
            await self.cancel()
            raise
        if self._machine.error:
            raise self._machine.error

    async def cancel(self) -> None:
        """Ends the stream now. Results may be left undelivered."""
        self._machine.cancel(stream_error(Code.CANCELLED, "the stream was cancelled"))
        self._task.cancel()
        await asyncio.wait((self._task,))

    @property
    def outstanding(self) -> int:
        """Messages sent that have no result yet."""
        return self._machine.session.window.outstanding

    # --- What the machine decides ----------------------------------------------

    async def _run(self) -> None:
        machine = self._machine
        try:
            while (step := machine.next_step(self._loop.time())) is not Step.END:
                if step is Step.WAIT:
                    self._after()
                    await self._wake.wait()
                elif step is Step.AUTHORIZE:
                    machine.on_token(await self._fetch_token(), self._loop.time())
                elif step is Step.LOCATE:
                    failed = machine.destination.failed
                    address = await self._transport.locate(failed, machine.token)
                    machine.on_located(address, self._loop.time())
                else:
                    await self._talk()
                self._after()
        except asyncio.CancelledError:
            pass  # By `cancel` or `finish`; the machine knows.
        except Exception as error:  # pylint: disable=broad-exception-caught
            if not machine.ended:  # A fault of ours must not leave callers waiting.
                self._report("the client failed", error)
                machine.cancel(stream_error(Code.INTERNAL, f"the client failed: {error!r}"))

    def _on_done(self, _: asyncio.Task[None]) -> None:
        # One that was cancelled before it began, or with its event loop.
        self._machine.cancel(stream_error(Code.CANCELLED, "the stream was cancelled"))
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._after()

    def _after(self) -> None:
        """Something has happened: tells who waits."""
        machine = self._machine
        while machine.answers:
            result = machine.answers.popleft()
            future = self._requests.pop(result.sequence, None)
            if future and not future.done():
                future.set_result(result)
        if machine.ended:
            for future in self._requests.values():
                if not future.done():
                    future.set_exception(machine.error or stream_error(Code.CANCELLED, "closed"))
            self._requests.clear()
        while machine.events:
            event = machine.events.popleft()
            if self._on_event is not None:
                try:
                    self._on_event(event)
                except Exception as error:  # pylint: disable=broad-exception-caught
                    self._report("on_event failed", error)
        self._news.set()
        self._wake.set()
        self._arm()

    def _report(self, message: str, error: Exception) -> None:
        context = {"message": f"msgproc: {message}", "exception": error}
        self._loop.call_exception_handler(context)

    def _arm(self) -> None:
        now = self._loop.time()
        at = math.inf if self._machine.ended else self._machine.alarm(not self._writing)
        if self._timer is not None:
            if at >= self._timer.when():
                return  # That one looks again.
            self._timer.cancel()
        due = max(at, now)
        self._timer = None if at == math.inf else self._loop.call_at(due, self._on_alarm, due)

    def _on_alarm(self, due: float) -> None:
        machine, now = self._machine, self._loop.time()
        self._timer = None
        if self._call is not None:
            if not machine.on_time(due, now):
                self._call.cancel()
            elif machine.wants_token(now):
                self._refreshing = self._loop.create_task(self._refresh())
        self._after()

    # --- The world -------------------------------------------------------------

    async def _talk(self) -> None:
        """One call of Process, until it has ended."""
        machine = self._machine
        channel = self._transport.channel(machine.destination.address)
        self._call = self._transport.process(channel, machine.token)
        first = machine.open(self._loop.time())
        writer = self._loop.create_task(self._write(self._call, first))
        self._arm()
        try:
            error = await self._read(self._call)
        finally:
            self._call.cancel()
            self._call = None
            writer.cancel()
            await asyncio.wait((writer,))
            self._writing = False
            await channel.close()
        machine.on_call_ended(error, self._loop.time())

    async def _write(self, call: Any, frame: bytes | None) -> None:
        half_close = False
        try:
            # grpc.aio may swallow a cancellation: the end of the call tells, too.
            while not half_close and self._call is call:
                if frame is not None:
                    self._writing = True
                    await call.write(frame)
                    self._writing = False
                    self._arm()
                frame, half_close = self._machine.session.next_write(self._loop.time())
                if frame is None and not half_close:
                    await self._wake.wait()
            if frame is not None:
                await call.write(frame)
            await call.done_writing()
        except grpc.RpcError as error:
            error_of_rpc(error)  # _read hears it, too.
        except asyncio.InvalidStateError:
            pass  # The call has ended.

    async def _read(self, call: Any) -> StreamError | None:
        """Returns the status that ended the call; None: OK, or the machine knows."""
        machine = self._machine
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                if not machine.on_frame(data, self._loop.time()):
                    return None
                self._after()
                while machine.paused and not call.done():
                    await self._wake.wait()
        except grpc.RpcError as error:
            if not self._task.cancelling():
                return error_of_rpc(error)
        except asyncio.CancelledError:
            pass
        if self._task.cancelling():
            raise asyncio.CancelledError
        return None  # The call was cancelled, as the machine said.

    async def _fetch_token(self) -> str | StreamError:
        assert self._token_provider is not None
        return await fetch_token(self._token_provider, self._settings.connect_timeout)

    async def _refresh(self) -> None:
        self._machine.on_token(await self._fetch_token(), self._loop.time())
        self._after()
