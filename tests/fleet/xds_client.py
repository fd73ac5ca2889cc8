"""A plain gRPC client without a library of ours, that finds the fleet over xDS.

Opens a stream every 50 ms at xds:///processors, has one message processed on it, and
writes a line: the server's name, or the status. It learns messages and methods by
reflection. GRPC_XDS_BOOTSTRAP names its bootstrap file. `--hold`: one stream, whose
messages follow each other; a line each.
"""

import queue
import sys
import time

import grpc

from tests.fleet import reflection

_PERIOD_SECONDS = 0.05
_TARGET = "xds:///processors"


def _say(line):
    print(line, flush=True)


def _one_message(client):
    requests = [{"open": {}, "messages": [{"sequence": 1, "payload": "aGk="}]}]
    answers = client.stream("msgproc.v1.Processor", "Process", iter(requests), timeout=10)
    server, results = "?", 0
    for answer in answers:
        server = answer.get("welcome", {}).get("server_id", server)
        results += len(answer.get("results", ()))
    return server if results == 1 else f"{results} results"


def _hold(client):
    requests = queue.Queue()
    requests.put({"open": {}})
    answers = client.stream(
        "msgproc.v1.Processor", "Process", iter(requests.get, None), timeout=600
    )
    server, sequence = "?", 0
    for answer in answers:
        server = answer.get("welcome", {}).get("server_id", server)
        if "welcome" in answer or answer.get("results"):
            _say(server)
            time.sleep(_PERIOD_SECONDS)
            sequence += 1
            requests.put(
                {
                    "messages": [{"sequence": sequence, "payload": "aGk="}],
                    "received_through": sequence - 1,
                }
            )


def main():
    with reflection.Client(_TARGET) as client:
        while True:
            try:
                if "--hold" in sys.argv:
                    _hold(client)
                else:
                    _say(_one_message(client))
            except grpc.RpcError as error:
                _say(f"{error.code().name}: {error.details()}")  # pylint: disable=no-member
            time.sleep(_PERIOD_SECONDS)


if __name__ == "__main__":
    main()
