"""The live pages of a balancer and of processors, opened in a real browser."""

import json
import os
import pathlib
import re
import tempfile
import unittest
import urllib.error
import urllib.request

from tests import harness
from tests.report import browser

_HOSTILE = "<img/src=x/onerror=window.hacked=1><script>window.hacked=1</script>"

_LOOK = """(() => ({
  name: document.getElementById("name").textContent,
  state: document.getElementById("state").textContent,
  title: document.title,
  text: document.body.innerText,
  hacked: window.hacked === 1,
  scripts: document.scripts.length,
  gone: document.getElementById("gone").hidden ? "" : document.getElementById("gone").textContent,
  rows: [...document.querySelectorAll("tbody tr")].map((row) => row.textContent),
  overflow: document.documentElement.scrollWidth - innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
  colour: getComputedStyle(document.body).color,
  charts: [...document.querySelectorAll("svg")].map((chart) => ({
    says: chart.getAttribute("aria-label"), drawn: chart.querySelectorAll(".stroke").length,
  })),
  unnamed: [...document.querySelectorAll("svg, progress, [role=region]")]
      .filter((one) => !one.getAttribute("aria-label")).length,
  figures: [...document.querySelectorAll("[data-figure]")].map((one) => [
    one.dataset.figure, one.dataset.of ?? "", one.dataset.value === "" ? null : Number(one.dataset.value),
  ]),
}))()"""

_OUTCOMES = {"messages_ok": "ok", "messages_error": "error", "messages_duplicate": "duplicate"}
_OPENS = {"opened": "new", "resumed": "resumed", "moved": "moved", "lost": "lost"}


def _luminance(colour):
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3


@unittest.skipUnless(
    os.path.exists(browser.CHROMIUM), "there is no Chromium (tools/install_packages --test)"
)
class LivePageTest(harness.ProcessTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="live-")  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def _open(self, server, width=1280, height=900, **screen):
        """Opens a server's page. Returns the browser, once the page shows numbers."""
        chromium = browser.Browser()
        self.addCleanup(chromium.close)
        chromium.show(width, height, **screen)
        chromium.open_url(f"http://{server.http}/")
        harness.eventually(
            lambda: chromium.evaluate('document.getElementById("main").ariaBusy') == "false",
            "the page shows what it was told",
        )
        return chromium

    def _picture(self, chromium, name):
        """Writes a picture where the test's outputs are, for whoever wants to look."""
        outputs = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
        path = pathlib.Path(outputs or self.folder, f"{name}.png")
        chromium.picture(path)
        self.assertGreater(path.stat().st_size, 10_000)

    def _assert_sane(self, chromium):
        look = chromium.evaluate(_LOOK)
        self.assertEqual(chromium.errors(), [])
        self.assertEqual(chromium.complaints(), [])
        self.assertFalse(look["hacked"])
        self.assertEqual(look["scripts"], 1)
        self.assertEqual(look["unnamed"], 0)
        self.assertLessEqual(look["overflow"], 0)
        self.assertEqual(look["gone"], "")
        return look

    def _assert_shows(self, chromium, expected):
        """`expected`: by (figure, whose it is) what /metrics says."""

        def wrong():
            shown = {(name, of): value for name, of, value in chromium.evaluate(_LOOK)["figures"]}
            return {
                key: (shown.get(key, "absent"), value())
                for key, value in expected.items()
                if shown.get(key, "absent") != value()
            }

        harness.eventually(lambda: not wrong(), f"the page and /metrics agree, not: {wrong()}")

    def _processor_figures(self, server):
        def metric(name, **labels):
            return lambda: server.metric(f"msgproc_{name}", **labels)

        expected = {
            ("streams", ""): metric("processor_streams"),
            ("outstanding", ""): metric("processor_outstanding_messages"),
            ("slow_consumers", ""): metric("processor_slow_consumers_total"),
        }
        for state in ("attached", "detached"):
            expected[f"sessions_{state}", ""] = metric("processor_sessions", state=state)
        for figure, outcome in _OUTCOMES.items():
            expected[figure, ""] = metric("processor_messages_total", outcome=outcome)
        for figure, state in _OPENS.items():
            expected[figure, ""] = metric("processor_session_opens_total", state=state)
        return expected, metric

    def _fleet(self, *flags):
        """Returns a balancer and two processors: with workers and `flags`; with an evil name."""
        balancer = self.balancer("--policy=round_robin", "--moves_per_second=0")
        link = f"--balancer={balancer.grpc}"
        first = self.processor("--workers=2", "--server_id=till-a", link, *flags)
        second = self.processor(f"--server_id={_HOSTILE}", link)
        harness.eventually(
            lambda: balancer.metric("msgproc_balancer_servers", state="serving") == 2,
            "both serve",
        )
        return balancer, first, second

    def _store(self):
        return f"--session_store=sqlite:{self.folder}/sessions.db"

    def _load(self, balancer, seconds=6):
        return self.loadgen(
            f"--balancer={balancer.grpc}",
            *("--connections=8", "--rate=2000", f"--duration={seconds}s"),
        )

    def test_a_fleet_is_shown_as_it_is(self):
        balancer, first, second = self._fleet()
        chromium = self._open(balancer)
        load = self._load(balancer, 8)
        harness.eventually(
            lambda: min(
                server.metric("msgproc_processor_streams") for server in (first, second)
            )
            > 0,
            "both have sockets",
        )
        self._assert_shows(
            chromium,
            {
                ("streams", ""): lambda: first.metric("msgproc_processor_streams")
                + second.metric("msgproc_processor_streams"),
                ("server_streams", "till-a"): lambda: first.metric("msgproc_processor_streams"),
                ("server_streams", _HOSTILE): lambda: second.metric("msgproc_processor_streams"),
                ("lookups_ok", ""): lambda: balancer.metric(
                    "msgproc_balancer_lookups_total", result="ok"
                ),
                ("serving", ""): lambda: balancer.metric(
                    "msgproc_balancer_servers", state="serving"
                ),
                ("moves", ""): lambda: balancer.metric("msgproc_balancer_moves_total"),
            },
        )

        def latencies():
            figures = chromium.evaluate(_LOOK)["figures"]
            known = [one for one in figures if one[0] == "server_latency_p99" and one[2]]
            return len(known) == 2

        harness.eventually(latencies, "both servers' latencies are known")
        look = self._assert_sane(chromium)
        self.assertEqual((look["name"], look["state"]), ("Balancer", "serving"))
        self.assertEqual(len(look["rows"]), 2)
        self.assertIn(_HOSTILE, look["rows"][0])
        self.assertIn("till-a", look["rows"][1])
        self.assertIn("2 of 2", look["rows"][1])  # Workers.
        self.assertIn("till-a joined", look["text"])

        def drawn():
            charts = chromium.evaluate(_LOOK)["charts"]
            says = "Sockets of till-a, last "
            return any(chart["drawn"] and chart["says"].startswith(says) for chart in charts)

        harness.eventually(drawn, "a server's sockets are drawn")
        # Nothing is loaded from anywhere else.
        self.assertTrue(chromium.requests)
        for url in chromium.requests:
            if not url.startswith(("about:", "data:")):
                self.assertTrue(url.startswith(f"http://{balancer.http}/"), url)
        self._picture(chromium, "balancer")
        self._picture(self._open(balancer, 390, 844, mobile=True, dark=True), "balancer-phone")
        self._picture(self._open(first), "processor")
        self.assert_all_answered_once(load)

    def test_a_processors_numbers_are_those_of_its_metrics(self):
        balancer, first, second = self._fleet(self._store())
        self.assert_all_answered_once(self._load(balancer, 4))
        for server in (first, second):
            expected, metric = self._processor_figures(server)
            if server is first:
                for slot in ("0", "1"):
                    expected["worker_messages", slot] = metric(
                        "processor_worker_messages_total", worker=slot
                    )
                    expected["worker_in_flight", slot] = metric(
                        "processor_worker_held_messages", worker=slot
                    )
                expected["commits", ""] = metric("store_commit_duration_seconds_count")
                expected["fenced", ""] = metric("store_fenced_total")
            chromium = self._open(server)
            self._assert_shows(chromium, expected)
            self.assertGreater(metric("processor_messages_total", outcome="ok")(), 0)
            look = self._assert_sane(chromium)
            self.assertEqual(look["state"], "serving")
            self.assertEqual(look["name"], "till-a" if server is first else _HOSTILE)
            self.assertIn("registered", look["text"])
            self.assertEqual("Session store" in look["text"], server is first)
            self.assertEqual("Workers: 2 of 2 serve" in look["text"], server is first)
            self._assert_latencies_are_those_of_the_histogram(server)
            self._assert_no_more_cpu_than_there_is(server)

    def _assert_no_more_cpu_than_there_is(self, server):
        page = json.loads(server.get("/live.json")[1])
        cpu = dict(zip(page["figures"], page["history"][0]["values"]))["cpu"]
        # A moment after the start there is nothing to divide by.
        self.assertIsNone(cpu[0])
        self.assertGreater(max(cpu[1:]), 0)
        self.assertLess(max(cpu[1:]), os.cpu_count() * 1.2)

    def _assert_latencies_are_those_of_the_histogram(self, server):
        page = json.loads(server.get("/live.json")[1])
        values = dict(zip(page["figures"], page["history"][0]["values"]))
        name = "msgproc_processor_message_duration_seconds_bucket"
        buckets = re.findall(rf'{name}{{.*le="([^"]+)"}} (\d+)', server.get("/metrics")[1])
        handlers = {}  # Together, by bound.
        for bound, number in buckets:
            handlers[float(bound)] = handlers.get(float(bound), 0) + int(number)
        counts = sorted(handlers.items())
        lower, most, before = 0.0, 0.0, 0
        for i, (bound, count) in enumerate(counts):
            if count > before:
                lower = lower if before else (counts[i - 1][0] if i else 0.0)
                most = bound
            before = count
        for figure in ("latency_p50", "latency_p99"):
            known = [value for value in values[figure] if value is not None]
            self.assertTrue(known)
            # Written with four digits.
            self.assertLessEqual(max(known), most * 1.001)
            self.assertGreaterEqual(min(known), lower * 0.999)

    def test_a_server_that_is_gone_is_said_to_be_and_comes_back(self):
        port = harness.free_port()
        server = self.processor("--server_id=till-a", f"--http_address=127.0.0.1:{port}")
        chromium = self._open(server)
        self._assert_sane(chromium)
        server.kill()
        gone = harness.eventually(
            lambda: chromium.evaluate(_LOOK)["gone"], "the page says that nobody answers"
        )
        self.assertRegex(gone, r"^No answer for \d+ s: ")
        look = chromium.evaluate(_LOOK)
        self.assertTrue(look["title"].startswith("✖ till-a"))
        self.assertEqual(chromium.errors(), [])
        server.start_again()
        harness.eventually(
            lambda: not chromium.evaluate(_LOOK)["gone"], "it is there again, and so is the page"
        )
        self.assertEqual(chromium.errors(), [])

    def test_it_can_be_read_on_a_phone_and_in_the_dark(self):
        balancer, first, _ = self._fleet(self._store())
        self.assert_all_answered_once(self._load(balancer, 3))
        for server, name in ((balancer, "balancer"), (first, "processor")):
            for dark in (False, True):
                with self.subTest(page=name, dark=dark):
                    chromium = self._open(server, 360, 740, mobile=True, dark=dark)
                    look = self._assert_sane(chromium)
                    self.assertEqual(_luminance(look["background"]) < 64, dark)
                    self.assertEqual(_luminance(look["colour"]) > 192, dark)
                    warned = "2 different stores" in look["text"]
                    self.assertEqual(warned, server is balancer)
                    self._picture(chromium, f"{name}-phone{'-dark' if dark else ''}")
            self._picture(self._open(server, dark=True), f"{name}-dark")

    def test_nothing_else_may_run_in_it_and_nothing_is_written_by_it(self):
        balancer, first, _ = self._fleet()
        for server in (balancer, first):
            for path in ("/", "/live.json", "/live.js", "/live.css"):
                with urllib.request.urlopen(f"http://{server.http}{path}") as page:
                    policy = page.headers["Content-Security-Policy"]
                    self.assertEqual(page.headers["Cache-Control"], "no-store")
                    self.assertEqual(page.headers["X-Content-Type-Options"], "nosniff")
                self.assertIn("default-src 'none'", policy)
                self.assertNotIn("unsafe", policy)
            chromium = self._open(server)
            injected = (
                "(() => { const s = document.createElement('script');"
                " s.textContent = 'window.hacked=1'; document.body.append(s);"
                " return window.hacked === 1; })()"
            )
            self.assertFalse(chromium.evaluate(injected))
            self.assertEqual(server.get("/live.json?since=x")[0], 400)
            request = urllib.request.Request(f"http://{server.http}/", method="POST")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            self.assertIn(refused.exception.code, (400, 405))


if __name__ == "__main__":
    unittest.main()
