"""TLS, and who the client is: tokens, and fresh ones on the open stream."""

import asyncio
import time
import unittest

import grpc
import msgproc
from msgproc import EventKind
from tests.identity import identity_case
from tests.identity import issuer as issuing
from tests.python_client import client_case


class IdentityTest(identity_case.IdentityTest, client_case.ClientTest):
    def setUp(self):
        super().setUp()
        authority = issuing.Authority(self.folder)
        certificate, key = authority.issue("server")
        self.server = self.processor(
            *self.flags,
            f"--access_file={self.access}",
            f"--tls_cert={certificate}",
            f"--tls_key={key}",
        )
        roots = authority.certificate.read_bytes()
        self.events = client_case.Events()
        self.options = {
            "target": self.server.grpc,
            "credentials": grpc.ssl_channel_credentials(roots),
            "on_event": self.events,
        }

    async def test_a_token_over_tls(self):
        async def provide():
            return self.issuer.token()

        async with msgproc.connect(token_provider=provide, **self.options) as stream:
            self.assertEqual((await stream.request(b"x")).payload, b"x")
        self.assertIn("principal=alice", self.server.output())

    async def test_a_stream_outlives_its_tokens(self):
        given = []

        async def provide():
            given.append(await self.in_thread(self.issuer.token, exp=int(time.time()) + 8))
            return given[-1]

        async with msgproc.connect(token_provider=provide, **self.options) as stream:
            while len(given) < 3:
                await stream.request(b"x")
                await asyncio.sleep(0.05)
        self.assertEqual(self.events.count_of(EventKind.DISCONNECTED), 0, self.events)

    async def test_a_token_that_expires_for_good(self):
        async def provide():
            return token

        token = self.issuer.token(exp=int(time.time()) + 3)
        with self.assertRaises(msgproc.StreamError) as caught:
            async with msgproc.connect(token_provider=provide, **self.options) as stream:
                async for _ in stream:
                    self.fail("nothing was sent")
        self.assertEqual(caught.exception.code, msgproc.Code.UNAUTHENTICATED)

    async def test_without_a_token(self):
        with self.assertRaisesRegex(msgproc.StreamError, "anonymous"):
            async with msgproc.connect(**self.options) as stream:
                await stream.connected()

    async def test_a_provider_that_fails_is_asked_again(self):
        asked = 0

        async def provide():
            nonlocal asked
            asked += 1
            if asked < 3:
                raise ConnectionRefusedError("the issuer is down")
            return self.issuer.token()

        async with msgproc.connect(token_provider=provide, **self.options) as stream:
            await stream.request(b"x")
        self.assertEqual(asked, 3)

    async def test_a_provider_that_gives_nonsense(self):
        for token in ("", "two words", "\n"):

            async def provide(given=token):
                return given

            with self.assertRaisesRegex(msgproc.StreamError, "cannot carry"):
                async with msgproc.connect(token_provider=provide, **self.options) as stream:
                    await stream.connected()

    async def test_balancers_are_shown_the_token_too(self):
        async def provide():
            return self.issuer.token()

        balancer = self.balancer(*self.flags, "--authenticate_lookups")
        self.processor(*self.flags, f"--access_file={self.access}", f"--balancer={balancer.grpc}")
        options = {"balancers": [balancer.grpc]}
        async with msgproc.connect(token_provider=provide, **options) as stream:
            await stream.request(b"x")
        with self.assertRaises(msgproc.StreamError) as caught:
            async with msgproc.connect(**options) as stream:
                await stream.connected()
        self.assertEqual(caught.exception.code, msgproc.Code.UNAUTHENTICATED)


if __name__ == "__main__":
    unittest.main()
