"""A processor that stops, as a gRPC client sees it that knows nothing of Drain."""

import queue
import signal
import unittest

import grpc

from tests import harness
from tests.nginx import raw_call

# {"drain": {"reason": "REASON_SHUTDOWN", …}}
_DRAIN = b"\x1a"
# {"messages": [{"sequence": 2, "payload": "ho"}]}
_SECOND_MESSAGE = b"\x12\x06\x08\x02\x12\x02ho"


class StopTest(harness.ProcessTest):
    def test_new_streams_of_an_open_connection_go_elsewhere_and_open_ones_finish(self):
        processor = self.processor("--drain_timeout=120s")
        with grpc.insecure_channel(processor.grpc) as channel:
            states = queue.SimpleQueue()
            channel.subscribe(states.put)
            requests = queue.SimpleQueue()
            requests.put(raw_call.ONE_MESSAGE)
            before = raw_call.open_stream(channel, iter(requests.get, None), timeout=120)
            self.assertIn(b"hi", next(before))

            processor.signal(signal.SIGTERM)
            self.assertTrue(next(before).startswith(_DRAIN))
            # The GOAWAY takes the channel off the connection.
            while states.get(timeout=60) is not grpc.ChannelConnectivity.READY:
                pass
            self.assertIsNot(states.get(timeout=60), grpc.ChannelConnectivity.READY)
            for _ in range(8):
                after = raw_call.open_stream(channel, [raw_call.ONE_MESSAGE])
                with self.assertRaises(grpc.RpcError) as refused:
                    next(after)
                self.assertIs(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)

            requests.put(_SECOND_MESSAGE)
            self.assertIn(b"ho", next(before))
            requests.put(None)
            self.assertEqual(list(before), [])
            self.assertIs(before.code(), grpc.StatusCode.OK)
            self.assertEqual(processor.wait(), 0)


if __name__ == "__main__":
    unittest.main()
