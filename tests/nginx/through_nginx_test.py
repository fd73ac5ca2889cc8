"""What goes through NGINX as if it were not there, and what it adds."""

import json
import queue
import threading
import unittest

import grpc

from tests import harness
from tests.nginx import front, raw_call

_MESSAGES = 10_000


class ThroughNginxTest(front.FrontTest):
    def test_ten_thousand_messages_pass_by_grpc_pass_and_spread_over_the_processors(self):
        processors = [self.processor() for _ in range(3)]
        nginx = self.nginx(processors)
        load = self.loadgen(f"--target={nginx.grpc}", f"--n={_MESSAGES}", "--connections=6")
        report = self.assert_all_answered_once(load, _MESSAGES)
        self.assertEqual(len(report["servers"]), 3)
        self.assertEqual({server["streams"] for server in report["servers"].values()}, {2})

    def test_ten_thousand_messages_pass_by_the_tcp_listener(self):
        processor = self.processor("--proxy_protocol")
        nginx = self.nginx(proxied=[processor])
        load = self.loadgen(f"--target={nginx.stream}", f"--n={_MESSAGES}", "--connections=4")
        self.assert_all_answered_once(load, _MESSAGES)

    def test_one_message_at_a_time_passes_too(self):
        nginx = self.nginx([self.processor()])
        load = self.loadgen(f"--target={nginx.grpc}", "--n=1000", "--max_outstanding=1")
        self.assert_all_answered_once(load, 1000)

    def test_large_payloads_pass_beyond_what_any_one_buffer_holds(self):
        nginx = self.nginx([self.processor()])
        load = self.loadgen(f"--target={nginx.grpc}", "--n=200", "--payload_bytes=1000000")
        self.assert_all_answered_once(load, 200)

    def test_tls_ends_at_nginx(self):
        certificate = front.Certificate()
        nginx = self.nginx([self.processor()], certificate=certificate)
        load = self.loadgen(
            f"--target={nginx.tls}", f"--tls_ca={certificate.certificate}", f"--n={_MESSAGES}"
        )
        self.assert_all_answered_once(load, _MESSAGES)

    def test_the_processor_logs_the_client_that_nginx_saw(self):
        processor = self.processor("--log_format=json")
        nginx = self.nginx([processor])
        load = self.loadgen(f"--target={nginx.grpc}", "--n=10")
        self.assert_all_answered_once(load, 10)
        self.assertEqual(self._opened(processor)["forwarded_for"], "127.0.0.1")

    def test_the_proxy_header_shows_the_processor_the_client_itself(self):
        processor = self.processor("--proxy_protocol", "--log_format=json")
        nginx = self.nginx(proxied=[processor])
        load = self.loadgen(f"--target={nginx.stream}", "--n=10")
        self.assert_all_answered_once(load, 10)
        logged = harness.eventually(lambda: nginx.log("stream"), "NGINX logs the connection")
        connection = json.loads(logged.splitlines()[-1])
        self.assertEqual(
            self._opened(processor)["peer"], f"ipv4:127.0.0.1:{connection['port']}"
        )

    def test_the_access_log_has_the_grpc_status(self):
        nginx = self.nginx([self.processor()])
        _, code, _ = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE])
        self.assertEqual(code, grpc.StatusCode.OK)
        _, code, _ = raw_call.call(nginx.grpc, [b"garbage"])
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)

        def logged():
            lines = [json.loads(line) for line in nginx.log("access").splitlines()]
            return len(lines) == 2 and lines

        lines = harness.eventually(logged, "two lines in the access log")
        self.assertEqual([line["grpc_status"] for line in lines], ["0", "3"])

    def test_nginxs_own_errors_are_grpc_statuses(self):
        statuses = {
            400: grpc.StatusCode.INTERNAL,
            401: grpc.StatusCode.UNAUTHENTICATED,
            403: grpc.StatusCode.PERMISSION_DENIED,
            404: grpc.StatusCode.UNIMPLEMENTED,
            415: grpc.StatusCode.UNIMPLEMENTED,
            429: grpc.StatusCode.UNAVAILABLE,
            500: grpc.StatusCode.INTERNAL,
            502: grpc.StatusCode.UNAVAILABLE,
            503: grpc.StatusCode.UNAVAILABLE,
            504: grpc.StatusCode.UNAVAILABLE,
        }
        for http_status, status in statuses.items():
            # One more directive in the location that would pass the call on.
            nginx = self.nginx(settings=[f"grpc_socket_keepalive=on; return {http_status}"])
            _, code, details = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE])
            self.assertEqual(code, status, http_status)
            self.assertRegex(details, "^NGINX: ", http_status)
            nginx.kill()

    def test_only_what_clients_need_reaches_a_processor(self):
        nginx = self.nginx([self.processor("--channelz")])
        with grpc.insecure_channel(nginx.grpc) as channel:
            health = channel.unary_unary("/grpc.health.v1.Health/Check")
            self.assertEqual(health(b"", timeout=20), b"\x08\x01")  # SERVING
            for method in (
                "/grpc.channelz.v1.Channelz/GetServers",
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                "/msgproc.v1.ProcessorX/Process",
                "/",
            ):
                with self.assertRaises(grpc.RpcError) as refused:
                    channel.unary_unary(method)(b"", timeout=20)
                self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED, method)
                self.assertEqual(refused.exception.details(), "NGINX: no such service")

    def test_metadata_beyond_the_limit_ends_the_call_and_nothing_else(self):
        processor = self.processor()
        nginx = self.nginx([processor])
        load = self.loadgen(f"--target={nginx.grpc}", "--duration=1s")
        for size, codes in (
            (4_000, {grpc.StatusCode.OK}),
            (40_000, {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}),
        ):
            _, code, details = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE], [("large", "x" * size)])
            self.assertIn(code, codes, details)
        report = self.assert_all_answered_once(load)
        self.assertEqual(report["interruptions"]["count"], 0)

    def test_without_a_processor_a_client_is_told_unavailable(self):
        processor = self.processor()
        nginx = self.nginx([processor])
        processor.kill()
        _, code, details = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE])
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(details, "NGINX: no processor can be reached")

    def test_more_streams_than_an_address_may_have_are_told_unavailable(self):
        nginx = self.nginx([self.processor()], settings=["limit_conn client_addresses=1"])
        with grpc.insecure_channel(nginx.grpc) as channel:
            release = threading.Event()
            held = channel.stream_stream(raw_call.PROCESS)(raw_call.one_message_then(release), timeout=20)
            next(held)
            _, code, details = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE])
            release.set()
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        self.assertIn("too many streams", details)

    def test_streams_with_one_affinity_key_meet_at_one_processor(self):
        processors = [self.processor() for _ in range(3)]
        nginx = self.nginx(processors)
        for _ in range(9):
            _, code, _ = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE], [("affinity-key", "customer-7")])
            self.assertEqual(code, grpc.StatusCode.OK)
        self.assertEqual(sorted(self.answered(each) for each in processors), [0, 0, 9])
        # Its processor gone, they meet at one other.
        (home,) = [each for each in processors if self.answered(each)]
        processors.remove(home)
        home.kill()
        for _ in range(9):
            _, code, _ = raw_call.call(
                nginx.grpc, [raw_call.ONE_MESSAGE], [("affinity-key", "customer-7")]
            )
            self.assertEqual(code, grpc.StatusCode.OK)
        self.assertEqual(sorted(self.answered(each) for each in processors), [0, 9])

    def test_a_processor_that_is_down_costs_new_streams_nothing(self):
        processors = [self.processor() for _ in range(2)]
        nginx = self.nginx(processors)
        processors[0].kill()
        for _ in range(20):
            outcome = raw_call.call(nginx.grpc, [raw_call.ONE_MESSAGE])
            self.assertEqual(outcome.code, grpc.StatusCode.OK, outcome.details)
        self.assertEqual(self.answered(processors[1]), 20)

    def test_a_connection_that_has_had_its_streams_keeps_those_that_are_open(self):
        nginx = self.nginx([self.processor()], settings=["keepalive_requests=3"])
        with grpc.insecure_channel(nginx.grpc) as channel:
            requests = queue.SimpleQueue()
            held = raw_call.open_stream(channel, iter(requests.get, None))
            requests.put(raw_call.ONE_MESSAGE)
            next(held)
            # More than the connection may have: the client opens others by itself.
            for _ in range(10):
                self.assertEqual(
                    len(list(raw_call.open_stream(channel, [raw_call.ONE_MESSAGE]))), 1
                )
            requests.put(raw_call.ONE_MESSAGE)
            next(held)
            requests.put(None)
            self.assertEqual(held.code(), grpc.StatusCode.OK)

    def test_streams_beyond_those_of_a_connection_wait_for_their_turn(self):
        nginx = self.nginx([self.processor()], settings=["http2_max_concurrent_streams=2"])
        with grpc.insecure_channel(nginx.grpc) as channel:
            releases = [threading.Event() for _ in range(2)]
            held = [
                raw_call.open_stream(channel, raw_call.one_message_then(each)) for each in releases
            ]
            for stream in held:
                next(stream)
            third = raw_call.open_stream(channel, [raw_call.ONE_MESSAGE])
            answered = threading.Event()
            third.add_done_callback(answered.set)
            self.assertFalse(answered.wait(0.3))
            releases[0].set()
            self.assertEqual(len(list(third)), 1)
            releases[1].set()

    def _opened(self, processor):
        for line in processor.output().splitlines():
            entry = json.loads(line)
            if entry["msg"] == "session opened":
                return entry
        raise AssertionError(processor.describe("logged no session"))


if __name__ == "__main__":
    unittest.main()
