"""Streams that outlive what happens to NGINX, to its timeouts and behind it."""

import os
import pathlib
import signal
import subprocess
import threading
import unittest

import grpc

from tests import harness
from tests.nginx import front, raw_call


class Daemon:
    """An NGINX as a machine runs it: its own parent, to be upgraded.

    NGINX ignores USR2 while it is the child of whoever started it.
    """

    def __init__(self, conf):
        self._conf = conf
        self._pid_file = pathlib.Path(conf).with_name("nginx.pid")
        subprocess.run([front.NGINX, "-e", "stderr", "-c", conf], check=True)
        self.pid = harness.eventually(lambda: self._pid(self._pid_file), "NGINX has a pid")

    @staticmethod
    def _pid(path):
        try:
            return int(path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def upgrade(self):
        """Lets a new binary take over; returns once the old one is gone."""
        old = self.pid
        os.kill(old, signal.SIGUSR2)
        old_file = self._pid_file.with_name("nginx.pid.oldbin")
        harness.eventually(old_file.exists, "the old binary makes room")
        self.pid = harness.eventually(lambda: self._pid(self._pid_file), "the new binary runs")
        os.kill(old, signal.SIGWINCH)
        os.kill(old, signal.SIGQUIT)
        harness.eventually(lambda: not old_file.exists(), "the old binary is gone")
        assert self.pid != old

    def kill(self):
        for name in ("nginx.pid", "nginx.pid.oldbin"):
            if pid := self._pid(self._pid_file.with_name(name)):
                os.kill(pid, signal.SIGTERM)
        harness.eventually(lambda: not self._pid_file.exists(), "NGINX is gone")


class LongStreamTest(front.FrontTest):
    def test_heartbeats_keep_an_idle_stream_alive_far_beyond_the_timeouts(self):
        # As 20 s of heartbeat are to NGINX's usual minute, so 300 ms to 1 s.
        timeouts = ["client_body_timeout", "grpc_read_timeout", "grpc_send_timeout"]
        settings = [f"{name}=1s" for name in [*timeouts, "send_timeout", "proxy_timeout"]]
        processor = self.processor("--heartbeat_interval=300ms")
        proxied = self.processor("--heartbeat_interval=300ms", "--proxy_protocol")
        nginx = self.nginx([processor], [proxied], settings=settings)
        # Without heartbeats, a stream is cut: the timeouts are in force.
        release = threading.Event()
        self.addCleanup(release.set)
        cut = raw_call.call(nginx.grpc, raw_call.one_message_then(release))
        self.assertEqual(len(cut.responses), 1)
        self.assertNotIn(cut.code, (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED))
        # One message every 4 s: four timeouts of silence between two.
        loads = [
            self.loadgen(f"--target={target}", "--rate=0.25", "--n=3")
            for target in (nginx.grpc, nginx.stream)
        ]
        for load in loads:
            report = self.assert_all_answered_once(load, 3)
            self.assertEqual(report["interruptions"]["count"], 0)
            self.assertEqual(report["stream_errors"], {})

    def test_a_reload_under_load_loses_nothing(self):
        processors = [self.processor() for _ in range(2)]
        proxied = self.processor("--proxy_protocol")
        nginx = self.nginx(processors, [proxied], settings=["worker_shutdown_timeout=500ms"])
        loads = [
            self.loadgen(f"--target={target}", "--duration=6s", "--connections=4")
            for target in (nginx.grpc, nginx.stream)
        ]
        for _ in range(3):
            self._wait_for_more_answers(processors + [proxied])
            before = nginx.workers()
            nginx.reload()
            harness.eventually(
                lambda old=before: not old & nginx.workers(), "the old workers leave"
            )
        self._wait_for_more_answers(processors + [proxied])
        for load in loads:
            report = self.assert_all_answered_once(load)
            # The old workers really had ended the streams.
            self.assertGreater(report["interruptions"]["count"], 0)

    def test_an_upgrade_of_the_binary_under_load_loses_nothing(self):
        processors = [self.processor() for _ in range(2)]
        # Its files and addresses; it gives way to a daemon of the same.
        nginx = self.nginx(processors, settings=["worker_shutdown_timeout=500ms"])
        nginx.stop()
        daemon = self.keep(Daemon(nginx.conf))
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=4s", "--connections=4")
        self._wait_for_more_answers(processors)
        daemon.upgrade()
        self._wait_for_more_answers(processors)
        report = self.assert_all_answered_once(load)
        self.assertGreater(report["interruptions"]["count"], 0)

    def test_a_stream_whose_processor_is_killed_resumes_on_another(self):
        processors = [self.processor() for _ in range(3)]
        nginx = self.nginx(processors)
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=5s", "--connections=6")
        self._wait_for_more_answers(processors)
        processors[0].kill()
        self._wait_for_more_answers(processors[1:])
        report = self.assert_all_answered_once(load)
        self.assertGreater(report["interruptions"]["count"], 0)
        # Also those that were the dead one's ended on one that lives.
        self.assertEqual(sum(server["streams"] for server in report["servers"].values()), 6)

    def test_a_processor_that_drains_moves_its_streams_through_nginx(self):
        processors = [self.processor() for _ in range(2)]
        nginx = self.nginx(processors)
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=4s", "--connections=4")
        self._wait_for_more_answers(processors)
        self.assertEqual(processors[0].stop(), 0)
        self._wait_for_more_answers(processors[1:])
        self.assert_all_answered_once(load)

    def test_a_rolling_restart_behind_nginx_loses_nothing(self):
        addresses = [f"127.0.0.1:{harness.free_port()}" for _ in range(3)]
        processors = [self.processor(listen_address=address) for address in addresses]
        nginx = self.nginx(processors)
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=6s", "--connections=6")
        self._wait_for_more_answers(processors)
        for i, address in enumerate(addresses):
            self.assertEqual(processors[i].stop(), 0, processors[i].describe("did not drain"))
            processors[i] = self.processor(listen_address=address)
        self.assert_all_answered_once(load)
        # There was a processor for every stream at all times.
        self.assertNotIn('"grpc_status":"14","http_status":"204"', nginx.log("access"))

    def _wait_for_more_answers(self, processors):
        before = [self.answered(each) for each in processors]

        def more():
            return all(
                self.answered(each) > count + 100 for each, count in zip(processors, before)
            )

        harness.eventually(more, "every processor answers")


if __name__ == "__main__":
    unittest.main()
