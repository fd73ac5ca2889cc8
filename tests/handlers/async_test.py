"""A handler that asks another server, with real ones: it asks them for their health."""

import base64
import signal
import socket
import unittest

from tests import harness
from tests.fleet import reflection

_PROGRAM = "examples/grpc_backend/grpc_backend"
# HealthCheckResponse{status: SERVING}
_SERVING = b"\x08\x01"
_CODE_DEADLINE_EXCEEDED = 4
_CODE_UNAVAILABLE = 14


def ask(server, messages):
    """Returns the results of so many empty requests, in order."""
    requests = iter([{"messages": [{"sequence": str(i)} for i in range(1, messages + 1)]}])
    with reflection.Client(server.grpc) as client:
        found = []
        for answer in client.stream("msgproc.v1.Processor", "Process", requests):
            found += answer.get("results", [])
    return found


class GrpcBackendTest(harness.ProcessTest):
    def forwarding(self, backend, *flags):
        return self.keep(
            harness.Server(_PROGRAM, [f"--backend={backend}", *flags], "forward", "127.0.0.1:0")
        )

    def test_answers_what_the_backend_answers(self):
        backend = self.processor()
        for flags in ([], ["--workers=1"]):
            found = ask(self.forwarding(backend.grpc, *flags), 500)
            self.assertEqual([result["sequence"] for result in found], [str(i) for i in range(1, 501)])
            for result in found:
                self.assertEqual(base64.b64decode(result["payload"]), _SERVING)

    def test_a_backend_that_is_not_there_is_an_error_worth_trying_again(self):
        server = self.forwarding(f"127.0.0.1:{harness.free_port()}")
        (result,) = ask(server, 1)
        self.assertEqual(result["error"]["code"], _CODE_UNAVAILABLE)
        self.assertTrue(result["error"]["retryable"])

    def test_a_stop_waits_for_what_is_begun(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = self.forwarding(
                f"127.0.0.1:{silent.getsockname()[1]}", "--handler_timeout=8s"
            )
            requests = iter([{"messages": [{"sequence": "1"}]}])
            with reflection.Client(server.grpc) as client:
                answers = client.stream("msgproc.v1.Processor", "Process", requests)
                harness.eventually(
                    lambda: server.metric("msgproc_processor_async_pending_messages") == 1,
                    "it waits",
                )
                server.signal(signal.SIGTERM)
                found = [result for answer in answers for result in answer.get("results", [])]
            self.assertEqual([result["sequence"] for result in found], ["1"])
            self.assertEqual(server.wait(), 0)

    def test_a_thousand_that_wait_cost_no_thread_and_fail_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = self.forwarding(
                f"127.0.0.1:{silent.getsockname()[1]}", "--handler_timeout=10s", "--handler_threads=1"
            )
            ask(server, 1)
            before = server.metric("process_threads")
            seen = []
            requests = iter([{"messages": [{"sequence": str(i)} for i in range(1, 1001)]}])
            with reflection.Client(server.grpc) as client:
                answers = client.stream("msgproc.v1.Processor", "Process", requests)
                harness.eventually(
                    lambda: seen.append(server.metric("process_threads"))
                    or server.metric("msgproc_processor_async_pending_messages") == 1000,
                    "all of them wait",
                )
                found = [result for answer in answers for result in answer.get("results", [])]
            self.assertEqual(len(found), 1000)
            for result in found:
                self.assertIn(
                    result["error"]["code"], (_CODE_DEADLINE_EXCEEDED, _CODE_UNAVAILABLE)
                )
            # gRPC has a few of its own that come and go.
            self.assertLess(max(seen) - before, 50)


if __name__ == "__main__":
    unittest.main()
