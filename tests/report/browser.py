"""A headless Chromium that opens pages and lets scripts look at them.

Speaks the DevTools protocol over a pipe: JSON texts that end in a NUL.
"""

import base64
import contextlib
import json
import os
import subprocess
import tempfile
import threading

CHROMIUM = "/usr/bin/chromium"
_SECONDS = 120


class Browser:
    """One browser with one page. `requests`: the URLs that the page asked for."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._buffer = b""
        self._calls = 0
        self._events = []
        self.requests = []
        self._process = subprocess.Popen(
            [
                # Descriptors 3 and 4 are where the browser looks.
                *("/bin/bash", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'),
                CHROMIUM,
                *"--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu".split(),
                *"--disable-dev-shm-usage --no-first-run --hide-scrollbars".split(),
                # Whatever a page would load from elsewhere fails.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                f"--user-data-dir={self._folder.name}/profile",
                "about:blank",
            ],
            pass_fds=(to_browser, from_browser),
            env={**os.environ, "HOME": self._folder.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        # A browser that hangs ends, and with it whoever reads from it.
        self._guard = threading.Timer(_SECONDS, self._process.kill)
        self._guard.start()
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def close(self):
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            os.close(self._write)
            os.close(self._read)
        self._folder.cleanup()

    def show(self, width, height, mobile=False, dark=False):
        """The screen that the next pages are opened on."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path):
        """Returns once the file's page and its scripts have run."""
        self.open_url(path.as_uri())

    def open_url(self, url):
        """Likewise."""
        self._events.clear()
        self._call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._receive()

    def evaluate(self, expression):
        """Returns the value of a JavaScript expression, waiting for a promise."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"the page threw: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def errors(self):
        """Returns what the page's own scripts threw."""
        self.evaluate("0")  # What has happened so far has been heard of by then.
        return [
            event["params"]["exceptionDetails"] for event in self._named("Runtime.exceptionThrown")
        ]

    def complaints(self):
        """Returns what the browser and the page wrote to the console as errors or warnings."""
        self.evaluate("0")
        said = [event["params"]["entry"] for event in self._named("Log.entryAdded")]
        said += [event["params"] for event in self._named("Runtime.consoleAPICalled")]
        return [one for one in said if one.get("level", one.get("type")) in ("error", "warning")]

    def picture(self, path):
        """Writes a picture of the whole page, as a PNG."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _named(self, method):
        return [event for event in self._events if event["method"] == method]

    def _call(self, method, **params):
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def _receive(self):
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 16)
            if not data:
                raise AssertionError("the browser ended")
            self._buffer += data
        text, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self._events.append(message)
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return message
