"""What tools/conformance talks with to try this client: see docs/conformance.md.

    bazel build //clients/python:adapter
    tools/conformance --adapter=bazel-bin/clients/python/adapter
"""

import asyncio
import base64
import importlib.metadata
import json
import sys
from typing import Any

import msgproc

_CAPABILITIES = (
    "balancers session_id session_token handler client_name token tokens max_outstanding_messages "
    "max_outstanding_bytes connect_timeout_ms headers pause_reading lost"
).split()


def _tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _on_event(event: msgproc.Event) -> None:
    if event.state is msgproc.SessionState.LOST:
        _tell("lost")
    print(event, file=sys.stderr)


class Adapter:
    """One stream, from `connect` to its end."""

    def __init__(self) -> None:
        self._commands: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reading = asyncio.Event()
        self._reading.set()
        self._stream: msgproc.Stream

    async def run(self) -> None:
        lines = asyncio.StreamReader(limit=1 << 30)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        connect = json.loads(await lines.readline())
        self._stream = self._connect(connect.get("target", ""), connect["options"])
        code, message = msgproc.Code.OK, ""
        tasks: list[asyncio.Task[None]] = []
        try:
            async with self._stream:
                tasks = [
                    asyncio.create_task(each)
                    for each in (self._listen(lines), self._carry_out(), self._take())
                ]
                # The results end last, where they do not fail.
                await tasks[-1]
        except msgproc.StreamError as error:
            code, message = error.code, str(error)
        for task in tasks:
            task.cancel()
        _tell("ended", code=code.name, message=message)

    def _connect(self, target: str, options: dict[str, Any]) -> msgproc.Stream:
        tokens = list(options.get("tokens", ())) or [options.get("token", "")]

        async def provide() -> str:
            token: str = tokens.pop(0) if len(tokens) > 1 else tokens[0]
            return token

        default = msgproc.Window()
        return msgproc.connect(
            target=target,
            balancers=options.get("balancers", ()),
            handler=options.get("handler", ""),
            session_id=options.get("session_id", ""),
            session_token=base64.b64decode(options.get("session_token", "")),
            client_name=options.get("client_name", ""),
            token_provider=provide if tokens[0] else None,
            window=msgproc.Window(
                options.get("max_outstanding_messages", default.messages),
                options.get("max_outstanding_bytes", default.bytes),
            ),
            connect_timeout=options.get("connect_timeout_ms", 10_000) / 1000,
            on_event=_on_event,
        )

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            command = json.loads(line)
            if command["command"] == "pause_reading":
                self._reading.clear()
            elif command["command"] == "resume_reading":
                self._reading.set()
            elif command["command"] == "cancel":
                break
            else:
                self._commands.put_nowait(command)
        await self._stream.cancel()

    async def _carry_out(self) -> None:
        while True:
            command = await self._commands.get()
            if command["command"] == "finish":
                self._stream.finish()
                continue
            sent = 0
            for message in command["messages"]:
                headers = {k: base64.b64decode(v) for k, v in message.get("headers", {}).items()}
                try:
                    await self._stream.send(base64.b64decode(message["payload"]), headers)
                    sent += 1
                except msgproc.MessageError as error:
                    _tell("refused", code=error.code.name, message=str(error))
                except msgproc.StreamError:
                    return  # Whoever takes results hears it, too.
            _tell("sent", count=sent)

    async def _take(self) -> None:
        async for result in self._stream:
            fields: dict[str, Any] = {"payload": _encode(result.payload)}
            if result.error:
                fields = {
                    "error": {"code": result.error.code.name, "message": result.error.message}
                }
            elif result.headers:
                fields["headers"] = {key: _encode(value) for key, value in result.headers}
            _tell("result", sequence=result.sequence, **fields)
            await self._reading.wait()


def main() -> None:
    try:
        version = importlib.metadata.version("msgproc")
    except importlib.metadata.PackageNotFoundError:
        version = "from the source tree"
    _tell("ready", client=f"msgproc-python {version}", capabilities=_CAPABILITIES)
    asyncio.run(Adapter().run())


if __name__ == "__main__":
    main()
