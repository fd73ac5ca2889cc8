"""Tokens, certificates and files at real servers: the good ones and the others."""

import json
import threading
import time
import unittest

import grpc

from tests import harness
from tests.identity import identity_case
from tests.identity import issuer as issuing
from tests.nginx import front, raw_call

_HEALTH = "/grpc.health.v1.Health/Check"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_GET_SERVER = "/msgproc.v1.Balancer/GetServer"
_LIST_SERVERS = "/msgproc.v1.Balancer/ListServers"
# Some looks of a server at its files.
_LOOKS_SECONDS = 30


def _bearer(token):
    return (("authorization", f"Bearer {token}"),)


def _unary(address, method, metadata=(), credentials=None):
    """Returns the status code and details of a call with an empty message."""
    channel = (
        grpc.insecure_channel(address)
        if credentials is None
        else grpc.secure_channel(address, credentials)
    )
    with channel:
        call = channel.unary_unary(
            method, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw
        )
        ended = call.future(b"", metadata=metadata, timeout=20)
        return ended.code(), ended.details()


class _Talker:
    """A client that says a word every few milliseconds on one open stream."""

    def __init__(self, address, token):
        self._stopped = threading.Event()
        self._results = 0
        self._code = None
        self._channel = grpc.insecure_channel(address)
        self._stream = self._channel.stream_stream(
            raw_call.PROCESS, request_serializer=lambda raw: raw, response_deserializer=len
        )(self._words(), metadata=_bearer(token))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def say_something_more(self):
        """Waits for results of messages that are sent from here on."""
        wanted = self._results + 20
        harness.eventually(lambda: self._results >= wanted or self.ended(), "results come")
        if self._results < wanted:
            raise AssertionError(f"it ended {self._code}: {self._stream.details()}")

    def ended(self):
        """Returns the status code of the end; None before."""
        return self._code

    def stop(self):
        self._stopped.set()
        self._channel.close()
        self._thread.join()

    def _words(self):
        while not self._stopped.wait(0.01):
            yield raw_call.ONE_MESSAGE

    def _listen(self):
        try:
            for _ in self._stream:
                self._results += 1
        except grpc.RpcError:
            pass
        self._code = self._stream.code()


class ServersTest(identity_case.IdentityTest):
    """What is asked of servers in every test here."""

    def assert_echoed(self, outcome):
        self.assertEqual(outcome.code, grpc.StatusCode.OK, outcome.details)
        self.assertIn(b"hi", b"".join(outcome.responses))

    def _is_served(self, address, token):
        outcome = raw_call.call(address, [raw_call.ONE_MESSAGE], _bearer(token))
        return outcome.code == grpc.StatusCode.OK


class TokensTest(ServersTest):
    def test_bad_tokens_are_refused_with_the_reason_and_never_shown(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        now = int(time.time())
        stranger = issuing.Issuer(self.folder, "stranger")
        imposter_folder = self.folder / "imposter"
        imposter_folder.mkdir()
        imposter = issuing.Issuer(imposter_folder, self.issuer.kid)
        public = self.issuer.public_pem()
        good = issuing.claims()
        attacks = {
            "expired": (self.issuer.token(exp=now - 60), "expired"),
            "without end": (self.issuer.token(exp=None), "no exp"),
            "not valid yet": (self.issuer.token(nbf=now + 600), "not valid yet"),
            "another issuer": (self.issuer.token(iss="https://evil.example"), "(iss)"),
            "another audience": (self.issuer.token(aud="another"), "(aud)"),
            "unknown key": (stranger.token(), '(kid "stranger")'),
            "another key of the same name": (imposter.token(), "signature"),
            "alg none": (issuing.unsigned({"alg": "none"}, good) + ".", 'alg is "none"'),
            "HS256 with the public key": (
                issuing.hmac_signed({"alg": "HS256", "kid": "k1"}, good, public),
                'alg is "HS256"',
            ),
            "ES256 that is HS256": (
                issuing.hmac_signed({"alg": "ES256", "kid": "k1"}, good, public),
                "signature",
            ),
            # Both numbers of the signature 0: CVE-2022-21449.
            "no signature but zeros": (
                issuing.unsigned({"alg": "ES256", "kid": "k1"}, good)
                + "."
                + issuing.encode(bytes(64)),
                "signature",
            ),
            "a name with a line feed": (self.issuer.token(sub="a\nb"), "control characters"),
            "no token": ("nonsense", "no JSON Web Token"),
        }
        for name, (token, says) in attacks.items():
            with self.subTest(name):
                outcome = raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], _bearer(token))
                self.assertEqual(outcome.code, grpc.StatusCode.UNAUTHENTICATED, outcome.details)
                self.assertIn(says, outcome.details)
                for part in filter(lambda part: len(part) > 8, token.split(".")):
                    self.assertNotIn(part, outcome.details)
                    self.assertNotIn(part, processor.output())
        token = self.issuer.token()
        self.assert_echoed(
            raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], _bearer(token))
        )
        self.assertNotIn(token.split(".")[2], processor.output())

    # gRPC takes 8 KiB of metadata; what it lets through is for us to refuse.
    def test_a_token_of_64_kib_is_refused_and_hurts_nobody(self):
        processor = self.processor(*self.flags)
        huge = self.issuer.token(padding="x" * (48 << 10))
        self.assertGreater(len(huge), 64 << 10)
        outcome = raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], _bearer(huge))
        self.assertNotEqual(outcome.code, grpc.StatusCode.OK)
        self.assertFalse(outcome.responses)
        self.assertTrue(self._is_served(processor.grpc, self.issuer.token()))

    def test_two_headers_and_other_schemes_are_refused(self):
        processor = self.processor(*self.flags)
        good = _bearer(self.issuer.token())
        basic = (("authorization", "Basic YWxpY2U6c2VjcmV0"),)
        for metadata in (good + good, good + basic, basic):
            outcome = raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], metadata)
            self.assertEqual(outcome.code, grpc.StatusCode.UNAUTHENTICATED, outcome.details)

    def test_without_flags_nothing_is_asked_and_tokens_are_not_looked_at(self):
        processor = self.processor()
        for metadata in ((), _bearer("nonsense")):
            self.assert_echoed(
                raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], metadata)
            )

    def test_nobody_without_a_rule_may_anything(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        outcome = raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE])
        self.assertEqual(outcome.code, grpc.StatusCode.PERMISSION_DENIED, outcome.details)

    def test_a_token_comes_through_nginx(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        nginx = self.keep(front.Nginx(processors=[processor.grpc]))
        self.assert_echoed(
            raw_call.call(
                nginx.grpc, [raw_call.ONE_MESSAGE], _bearer(self.issuer.token())
            )
        )
        outcome = raw_call.call(
            nginx.grpc, [raw_call.ONE_MESSAGE], _bearer(self.issuer.token(exp=1))
        )
        self.assertEqual(outcome.code, grpc.StatusCode.UNAUTHENTICATED, outcome.details)
        # The log of NGINX has no tokens either.
        self.assertNotIn("Bearer", nginx.log("access") + nginx.log("error"))


class CertificatesTest(ServersTest):
    def test_a_certificate_says_who_its_client_is(self):
        authority = issuing.Authority(self.folder)
        certificate, key = authority.issue("server")
        self.access.write_text(
            'rules { principal { exact: "spiffe://example.org/billing" }\n'
            '        sources: SOURCE_CERTIFICATE handlers: "echo" }\n'
        )
        processor = self.processor(
            f"--tls_cert={certificate}",
            f"--tls_key={key}",
            f"--tls_client_ca={authority.certificate}",
            f"--access_file={self.access}",
        )
        may = authority.issue("billing", "URI:spiffe://example.org/billing,DNS:localhost")
        may_not = authority.issue("other", "URI:spiffe://example.org/other")
        for (own, own_key), expected in (
            (may, grpc.StatusCode.OK),
            (may_not, grpc.StatusCode.PERMISSION_DENIED),
        ):
            credentials = grpc.ssl_channel_credentials(
                authority.certificate.read_bytes(), own_key.read_bytes(), own.read_bytes()
            )
            with grpc.secure_channel(processor.grpc, credentials) as channel:
                stream = raw_call.open_stream(channel, [raw_call.ONE_MESSAGE])
                responses = []
                try:
                    responses.extend(stream)
                except grpc.RpcError:
                    pass
                self.assertEqual(stream.code(), expected, stream.details())


class FilesTest(ServersTest):
    def _failures(self, server, files, prefix="msgproc_processor"):
        return server.metric(f"{prefix}_reload_failures_total", files=files)

    def test_an_access_file_with_a_mistake_is_not_taken(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        token = self.issuer.token()
        self.assertTrue(self._is_served(processor.grpc, token))
        self.access.write_text('rules {\n  handler: "echo"\n}\n')
        harness.eventually(
            lambda: self._failures(processor, "access_file") > 1,
            "the mistake is counted at each look",
            _LOOKS_SECONDS,
        )
        self.assertIn(f"{self.access}:2:", processor.output())
        self.assertEqual(processor.output().count("not taken anew"), 1)
        self.assertTrue(self._is_served(processor.grpc, token))
        # Mended, and now for nobody.
        self.access.write_text("")
        harness.eventually(
            lambda: not self._is_served(processor.grpc, token),
            "the mended file is taken",
            _LOOKS_SECONDS,
        )

    def test_keys_that_cannot_be_read_stop_the_start(self):
        for text in ("", "{", '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'):
            self.keys.write_text(text)
            process = self.keep(
                harness.Process(
                    [
                        harness.runfile(harness.PROCESSOR),
                        "--listen_address=127.0.0.1:0",
                        "--http_address=",
                        f"--jwt_keys={self.keys}",
                    ],
                    "unreadable",
                )
            )
            self.assertEqual(process.wait(), 2, process.output())
            self.assertIn(f"--jwt_keys: {self.keys}", process.output())

    def test_keys_that_go_bad_later_leave_the_old_ones(self):
        processor = self.processor(*self.flags)
        private = {**self.issuer.jwk(), "d": "c2VjcmV0"}
        seen = 0
        for text in ("{", json.dumps({"keys": [private]})):
            self.keys.write_text(text)
            harness.eventually(
                lambda more=seen: self._failures(processor, "jwt_keys") > more,
                "the bad keys are counted",
                _LOOKS_SECONDS,
            )
            self.assertTrue(self._is_served(processor.grpc, self.issuer.token()))
            seen = self._failures(processor, "jwt_keys")
        self.assertIn("take it for leaked", processor.output())
        self.keys.unlink()
        harness.eventually(
            lambda: "No such file" in processor.output(), "the loss is logged", _LOOKS_SECONDS
        )
        self.assertTrue(self._is_served(processor.grpc, self.issuer.token()))

    def test_keys_are_rotated_while_clients_work(self):
        processor = self.processor(*self.flags, f"--access_file={self.access}")
        following = issuing.Issuer(self.folder, "k2")
        old = [self._talker(processor.grpc, self.issuer.token()) for _ in range(4)]
        issuing.write_jwks(self.keys, self.issuer, following)
        harness.eventually(
            lambda: self._is_served(processor.grpc, following.token()),
            "the next key is known",
            _LOOKS_SECONDS,
        )
        new = [self._talker(processor.grpc, following.token()) for _ in range(4)]
        for talker in old + new:
            talker.say_something_more()
        # A key that leaves takes the streams of its tokens along, and no others.
        issuing.write_jwks(self.keys, following)
        for talker in old:
            harness.eventually(talker.ended, "the old key's streams end", _LOOKS_SECONDS)
            self.assertEqual(talker.ended(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertFalse(self._is_served(processor.grpc, self.issuer.token()))
        for talker in new:
            talker.say_something_more()
            self.assertIsNone(talker.ended())

    def _talker(self, address, token):
        talker = _Talker(address, token)
        self.addCleanup(talker.stop)
        talker.say_something_more()
        return talker


class WholeServersTest(ServersTest):
    def test_authenticate_all_closes_health_and_reflection_too(self):
        processor = self.processor(*self.flags, "--authenticate_all")
        for method in (_HEALTH, _REFLECTION, raw_call.PROCESS):
            code, details = _unary(processor.grpc, method)
            self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED, details)
        good = _bearer(self.issuer.token())
        self.assertEqual(_unary(processor.grpc, _HEALTH, good)[0], grpc.StatusCode.OK)
        self.assert_echoed(raw_call.call(processor.grpc, [raw_call.ONE_MESSAGE], good))
        # Without the flag they are open to everybody.
        open_one = self.processor(*self.flags, f"--access_file={self.access}")
        self.assertEqual(_unary(open_one.grpc, _HEALTH)[0], grpc.StatusCode.OK)

    def test_a_balancer_answers_only_those_who_show_who_they_are(self):
        balancer = self.balancer(*self.flags, "--authenticate_lookups")
        self.processor(f"--balancer={balancer.grpc}")
        good = _bearer(self.issuer.token())
        harness.eventually(
            lambda: _unary(balancer.grpc, _GET_SERVER, good)[0] == grpc.StatusCode.OK,
            "a server is found with a token",
        )
        for metadata in ((), _bearer(self.issuer.token(exp=1)), _bearer("x")):
            for method in (_GET_SERVER, _LIST_SERVERS):
                code, details = _unary(balancer.grpc, method, metadata)
                self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED, details)
        self.assertEqual(_unary(balancer.grpc, _LIST_SERVERS, good)[0], grpc.StatusCode.OK)
        self.assertEqual(balancer.get("/get-server")[0], 403)


if __name__ == "__main__":
    unittest.main()
