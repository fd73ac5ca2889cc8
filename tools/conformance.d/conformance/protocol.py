"""The messages of processor.proto and balancer.proto, and what they are sent with."""

import importlib
import pathlib
import subprocess
import sys
import tempfile

_ROOT = pathlib.Path(__file__).parents[3] / "proto"
_FILES = ("msgproc/v1/processor.proto", "msgproc/v1/balancer.proto")

PROCESS = "/msgproc.v1.Processor/Process"
GET_SERVER = "/msgproc.v1.Balancer/GetServer"

# Bounds that no Welcome changes.
MAX_FRAME_BYTES = 1 << 20
MAX_MESSAGES_WITH_OPEN = 64
MAX_BYTES_WITH_OPEN = 64 << 10
MAX_HEADERS = 128
MAX_HEADER_BYTES = 64 << 10
SILENT_INTERVALS = 3


def _compile():
    """Returns the modules that protoc makes of the contract's files."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        subprocess.run(
            ["protoc", f"--proto_path={_ROOT}", f"--python_out={folder}", *_FILES], check=True
        )
        sys.path.insert(0, folder)
        try:
            return [
                importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
                for name in _FILES
            ]
        finally:
            sys.path.remove(folder)


processor, balancer = _compile()

Welcome = processor.Welcome
Drain = processor.Drain
NEW, RESUMED, LOST = Welcome.STATE_NEW, Welcome.STATE_RESUMED, Welcome.STATE_LOST


def window_bytes(message):
    """Returns what a message counts in the window (rule 6)."""
    headers = sum(len(header.key.encode()) + len(header.value) for header in message.headers)
    return len(message.payload) + headers


def set_duration(field, seconds):
    field.FromNanoseconds(round(seconds * 1e9))


def contract_text():
    """Returns what the contract says in words: its comments, and docs/protocol.md."""
    lines = []
    for name in _FILES:
        for line in (_ROOT / name).read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("//"):
                lines.append(line.strip().removeprefix("//"))
    document = (_ROOT.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
    return " ".join((" ".join(lines) + " " + document).split())
