"""More than one principal may have, at a real server."""

import threading
import unittest

import grpc

from tests.identity import identity_case
from tests.limits import traffic
from tests.nginx import raw_call

_LIMIT = 100
_SESSIONS = 10000
_OPENERS = 8
_RULES = f'rules {{ name: "all" sources: SOURCE_TOKEN handlers: "echo" limits {{ sessions: {_LIMIT} }} }}\n'


class QuotasTest(identity_case.IdentityTest):
    def _open_all(self, address, metadata, names):
        """Opens sessions and leaves them. Returns how many were let in, and what others heard."""
        with grpc.insecure_channel(address) as channel:
            method = channel.stream_stream(
                raw_call.PROCESS, request_serializer=lambda raw: raw, response_deserializer=len
            )
            let_in, refusals = 0, set()
            for name in names:
                # It has a message, whose result is not acknowledged: else it would be forgotten.
                first = traffic.open_session(name) + traffic.message(1, 1)
                call = method(iter([first]), metadata=metadata, timeout=20)
                try:
                    for _ in call:
                        pass
                    let_in += 1
                except grpc.RpcError:
                    refusals.add((call.code(), call.details()))
            return let_in, refusals

    def test_thousands_of_sessions_of_one_principal(self):
        self.access.write_text(_RULES)
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        metadata = (("authorization", f"Bearer {self.issuer.token()}"),)
        each = _SESSIONS // _OPENERS
        outcomes = []

        def opener(number):
            names = [f"mine-{number}-{i}" for i in range(each)]
            outcomes.append(self._open_all(processor.grpc, metadata, names))

        threads = [threading.Thread(target=opener, args=(n,)) for n in range(_OPENERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(outcomes), _OPENERS)
        # A session without a stream stays for its TTL, and counts.
        self.assertEqual(sum(let_in for let_in, _ in outcomes), _LIMIT)
        refusals = set().union(*(refused for _, refused in outcomes))
        self.assertEqual(len(refusals), 1, refusals)
        code, details = refusals.pop()
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn(f"'alice' has {_LIMIT} sessions; its limit", details)
        self.assertIn(f"is {_LIMIT}", details)

        # Another principal has its own.
        metadata = (("authorization", f"Bearer {self.issuer.token(sub='bob')}"),)
        self.assertEqual(self._open_all(processor.grpc, metadata, ["his"]), (1, set()))

    def test_who_sends_most_is_in_the_metrics_by_name(self):
        self.access.write_text(_RULES)
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        for name, messages in (("alice", 3), ("bob", 5)):
            metadata = (("authorization", f"Bearer {self.issuer.token(sub=name)}"),)
            outcome = raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE] * messages, metadata)
            self.assertEqual(outcome.code, grpc.StatusCode.OK, outcome.details)
        metric = "msgproc_processor_principal_messages_total"
        self.assertEqual(processor.metric(metric, principal="alice", source="token"), 3)
        self.assertEqual(processor.metric(metric, principal="bob", source="token"), 5)
        self.assertEqual(processor.metric(metric, principal="other"), 0)


if __name__ == "__main__":
    unittest.main()
