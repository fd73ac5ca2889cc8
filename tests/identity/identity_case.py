"""What the tests of this folder start from."""

import pathlib
import tempfile

from tests import harness
from tests.identity import issuer as issuing

_TOKENS_ONLY = 'rules { name: "tokens" sources: SOURCE_TOKEN handlers: "echo" }\n'


class IdentityTest(harness.ProcessTest):
    """A folder with a key set of one issuer, and an access file: who has a token may echo."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="identity-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.issuer = issuing.Issuer(self.folder)
        self.keys = self.folder / "keys.json"
        issuing.write_jwks(self.keys, self.issuer)
        self.access = self.folder / "access.txtpb"
        self.access.write_text(_TOKENS_ONLY)
        self.flags = [
            f"--jwt_keys={self.keys}",
            f"--jwt_issuer={issuing.ISSUER}",
            f"--jwt_audience={issuing.AUDIENCE}",
        ]
