"""A client that does only the obvious, with its adapter: what the suite is shown to find.

It opens a session and sends. It does not wait for Welcome, has no window, never
acknowledges, does not speak when idle, and a broken stream is the end of it.
"""

import base64
import json
import os
import queue
import sys
import threading

import grpc

from conformance import protocol


_writing = threading.Lock()


def _emit(**event):
    with _writing:
        print(json.dumps(event), flush=True)


class NaiveClient:
    def __init__(self, target):
        self._requests = queue.Queue()
        opened = protocol.processor.Open(
            session_id=os.urandom(8).hex(), session_token=os.urandom(4)
        )
        self._requests.put(protocol.processor.ProcessRequest(open=opened))
        self._sequence = 0
        call = grpc.insecure_channel(target).stream_stream(
            protocol.PROCESS,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=protocol.processor.ProcessResponse.FromString,
        )
        self._call = call(iter(self._requests.get, None))
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, messages):
        for message in messages:
            self._sequence += 1
            payload = base64.b64decode(message["payload"])
            one = protocol.processor.Message(sequence=self._sequence, payload=payload)
            self._requests.put(protocol.processor.ProcessRequest(messages=[one]))
        _emit(event="sent", count=len(messages))

    def finish(self):
        self._requests.put(None)

    def cancel(self):
        self._call.cancel()

    def _read(self):
        try:
            for response in self._call:
                for result in response.results:
                    payload = base64.b64encode(result.payload).decode()
                    _emit(event="result", sequence=result.sequence, payload=payload)
        except grpc.RpcError:
            pass
        _emit(event="ended", code=self._call.code().name, message=self._call.details() or "")
        os._exit(0)  # pylint: disable=protected-access


def main():
    _emit(event="ready", client="naive 1", capabilities=[])
    client = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["command"] == "connect":
            client = NaiveClient(command["target"])
        elif command["command"] == "send":
            client.send(command["messages"])
        elif command["command"] == "finish":
            client.finish()
        elif command["command"] == "cancel":
            client.cancel()
    os._exit(0)  # pylint: disable=protected-access


if __name__ == "__main__":
    main()
