"""Lines of the log say what the server did, whatever a client calls itself."""

import json
import re
import unittest

from tests import harness
from tests.identity import identity_case
from tests.nginx import raw_call

# Open: session_id, session_token, client_name, handler.
_OPEN_FIELDS = (1, 2, 3, 4)
_FORGERIES = (
    "x\n2026-01-01T00:00:00.000000Z I session opened session=forged",
    'x"} \r\n{"ts":"2026-01-01T00:00:00Z","level":"info","msg":"forged"}',
    "x session=forged principal=root",
    "\x1b[2J\x1b[31mforged",
    "x\u2028forged\u202e",
)


def _field(number, data):
    assert len(data) < 1 << 14
    size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])
    return bytes([number << 3 | 2]) + size + data


def _open(session, client_name, handler):
    """Returns a ProcessRequest with an Open."""
    fields = (session.encode(), b"0123456789abcdef", client_name.encode(), handler.encode())
    body = b"".join(_field(number, data) for number, data in zip(_OPEN_FIELDS, fields))
    return _field(1, body)


class ForgedLogTest(identity_case.IdentityTest):
    def _attack(self, log_format):
        processor = self.processor(
            f"--jwt_keys={self.keys}", f"--log_format={log_format}", "--log_level=debug"
        )
        for index, text in enumerate(_FORGERIES):
            token = self.issuer.token(sub=text[:200])
            metadata = (("authorization", f"Bearer {token}"),)
            # As a name of the client, of a handler, and in a token.
            raw_call.call(processor.grpc, [_open(f"name-{index}", text, "echo")])
            raw_call.call(processor.grpc, [_open(f"handler-{index}", "x", text)])
            raw_call.call(processor.grpc, [_open(f"token-{index}", "x", "echo")], metadata)
        harness.eventually(lambda: "name-4" in processor.output(), "the sessions are in the log")
        self.assertEqual(processor.stop(), 0)
        return processor.output()

    def test_text(self):
        text = self._attack("text")
        for line in text.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[\d:.]+Z [DIWE] ", text)
            # Where it stands as a value it is quoted.
            unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
            self.assertNotIn("forged", unquoted)
            self.assertNotIn("principal=root", unquoted)
        self.assertFalse(set(text) & set("\x1b\r\u2028\u202e"), ascii(text))

    def test_json(self):
        for line in self._attack("json").splitlines():
            fields = json.loads(line)
            self.assertNotEqual(fields["msg"], "forged")
            self.assertNotEqual(fields.get("session"), "forged")


if __name__ == "__main__":
    unittest.main()
