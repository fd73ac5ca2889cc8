"""What a handler in Python is told of whoever sent its message, also after a worker's death."""

import base64
import json
import pathlib
import re
import tempfile
import unittest

from tests import harness
from tests.fleet import reflection
from tests.identity import issuer as issuing
from tests.workers import crew


def tell(processor, session, payloads, received_through=0, token=None):
    """Sends messages of a session; returns what the handler was told of each."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    first = {
        "open": {
            "session_id": session,
            "session_token": base64.b64encode(b"secret of " + session.encode() * 20).decode(),
            "client_name": "till 3",
            "handler": "witness",
        },
        "received_through": str(received_through),
    }
    messages = [
        {"sequence": str(sequence), "payload": base64.b64encode(payload).decode()}
        for sequence, payload in enumerate(payloads, start=received_through + 1)
    ]
    with reflection.Client(processor.grpc) as client:
        requests = iter([first, {"messages": messages}])
        found = []
        for answer in client.stream(
            "msgproc.v1.Processor", "Process", requests, metadata=metadata
        ):
            found += answer.get("results", [])
    return [json.loads(base64.b64decode(result["payload"])) for result in found]


class ContextTest(crew.WorkersTest):
    def witnesses(self, workers=2, flags=()):
        return self.processor_with(
            workers,
            *flags,
            f"--worker_command={harness.runfile('tests/workers/witness')}",
            "--handler=witness",
            "--handler_timeout=50s",
        )

    def test_it_knows_the_session_and_the_client(self):
        (told,) = tell(self.witnesses(), "s", [b"a"])
        self.assertEqual(told["session"], "s")
        self.assertEqual(told["client"], "till 3")
        self.assertEqual(told["principal"], "")
        self.assertRegex(told["peer"], r"^ipv4:127\.0\.0\.1:\d+$")
        self.assertEqual(told["attempt"], 1)
        self.assertEqual(told["key"], "s/1")
        self.assertEqual(told["timeout"], 50_000_000_000)

    def test_it_knows_whom_a_token_has_proven_the_client_to_be(self):
        with tempfile.TemporaryDirectory(prefix="context-") as folder:
            issuer = issuing.Issuer(pathlib.Path(folder))
            keys = pathlib.Path(folder) / "keys.json"
            issuing.write_jwks(keys, issuer)
            processor = self.witnesses(
                flags=[
                    f"--jwt_keys={keys}",
                    f"--jwt_issuer={issuing.ISSUER}",
                    f"--jwt_audience={issuing.AUDIENCE}",
                ]
            )
            token = issuer.token(team="tills")
            (told,) = tell(processor, "s", [b"die once"], token=token)
        self.assertEqual(told["principal"], "alice")
        self.assertEqual(told["claims"]["team"], "tills")
        self.assertEqual((told["attempt"], told["key"]), (2, "s/1"))

    def test_after_a_workers_death_the_attempt_is_another_and_the_key_the_same(self):
        processor = self.witnesses()
        (told,) = tell(processor, "s", [b"die once"])
        self.assertEqual((told["attempt"], told["key"]), (2, "s/1"))

        def before():
            found = re.search(r"dying over (\{.*\})", processor.output().replace("\\", ""))
            return found and json.loads(found[1])

        harness.eventually(before, "its last words are in the log")
        self.assertEqual((before()["attempt"], before()["key"]), (1, "s/1"))
        # What comes later has nothing to do with it.
        (told,) = tell(processor, "t", [b"a"])
        self.assertEqual((told["attempt"], told["key"]), (1, "t/1"))

    def test_on_another_server_a_message_has_the_same_key(self):
        first, second = self.witnesses(1), self.witnesses(1)
        self.assertEqual([told["key"] for told in tell(first, "s", [b"a", b"b"])], ["s/1", "s/2"])
        # The second result was lost on the way.
        (told,) = tell(second, "s", [b"b"], received_through=1)
        self.assertEqual((told["session"], told["key"]), ("s", "s/2"))


if __name__ == "__main__":
    unittest.main()
