"""A client under test: its adapter, as a process (docs/conformance.md)."""

import base64
import contextlib
import json
import subprocess
import tempfile
import threading

from conformance.failure import AdapterFault

_SECONDS_TO_END = 20


class Result:
    """One that the client gave its caller."""

    def __init__(self, event):
        self.sequence = event["sequence"]
        self.payload = base64.b64decode(event.get("payload", ""), validate=True)
        self.headers = {
            key: base64.b64decode(value, validate=True)
            for key, value in (event.get("headers") or {}).items()
        }
        self.error = event.get("error")


class Adapter:
    """Started once a case. What has happened is read under the condition `changed`.

    Attributes:
      client: its name and version, once it is ready.
      capabilities: what it says it has.
      results, sent, refused, lost: what its events said.
      ended: the last event, once it has come.
      fault: how it broke its contract; None as a rule.
    """

    def __init__(self, command, changed):
        self.client = None
        self.capabilities = frozenset()
        self.results = []
        self.sent = 0
        self.refused = []
        self.lost = 0
        self.ended = None
        self.fault = None
        self.on_result = lambda result: None
        self._changed = changed
        self._errors = tempfile.TemporaryFile(prefix="adapter-")
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
            )
        except OSError as error:
            raise AdapterFault(f"the adapter cannot be started: {error}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._process.pid

    def command(self, name, **fields):
        line = json.dumps({"command": name, **fields}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError:
            # It has ended; whoever waits for what it does next says so.
            pass

    def exit_code(self):
        """Waits for its end, which is due; None: it goes on."""
        try:
            return self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return None

    def running(self):
        return self._process.poll() is None

    def close(self):
        """Ends it, and returns what it wrote to standard error."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()
        self._errors.seek(0)
        with self._errors:
            return self._errors.read().decode(errors="replace")

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                try:
                    self._on_event(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    self.fault = f"it wrote {line[:200]!r}, which is no event: {error!r}"
                self._changed.notify_all()
        with self._changed:
            if self.ended is None and self.fault is None:
                self.fault = "its standard output ended without the event `ended`"
            self._changed.notify_all()

    def _on_event(self, event):
        kind = event["event"]
        if kind == "ready":
            self.client = event["client"]
            self.capabilities = frozenset(event["capabilities"])
        elif kind == "sent":
            self.sent += event["count"]
        elif kind == "refused":
            self.refused.append(event)
        elif kind == "result":
            result = Result(event)
            self.results.append(result)
            self.on_result(result)
        elif kind == "lost":
            self.lost += 1
        elif kind == "ended":
            self.ended = {"code": event["code"], "message": event.get("message", "")}
