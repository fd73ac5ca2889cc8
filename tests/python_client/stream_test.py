"""One server and one stream: order, requests, headers, errors, cancellation, backpressure."""

import asyncio
import contextlib
import gc
import os
import pathlib
import unittest

import msgproc
from tests import harness
from tests.python_client import client_case


def _spin(seconds):
    """Headers of a message that keeps the handler `spin` busy so long."""
    return {"spin-us": b"%d" % int(seconds * 1e6)}


def _sockets():
    """Returns how many sockets this process has open."""
    count = 0
    for link in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # It was closed meanwhile.
            count += os.readlink(link).startswith("socket:")
    return count


class StreamTest(client_case.ClientTest):
    def setUp(self):
        super().setUp()
        self.server = self.processor("--spin_handler=true")

    def connect(self, **options):
        return msgproc.connect(target=self.server.grpc, **options)

    async def test_results_come_in_order(self):
        async with self.connect() as stream:
            reader = asyncio.create_task(client_case.count(stream, 5000))
            payloads = [b"%d" % i for i in range(5000)]
            sent = [await stream.send(payload) for payload in payloads]
            self.assertEqual(sent, list(range(1, 5001)))
            self.assertEqual(await reader, payloads)
            self.assertEqual(stream.outstanding, 0)

    async def test_what_is_sent_in_one_turn_leaves_together(self):
        async with self.connect() as stream:
            await stream.connected()
            frames = "msgproc_processor_batch_messages_count"
            before = await self.in_thread(self.server.metric, frames)
            await asyncio.gather(*(stream.request(b"x") for _ in range(200)))
            after = await self.in_thread(self.server.metric, frames)
            self.assertLess(after - before, 20)

    async def test_requests_and_headers(self):
        async with self.connect(handler="uppercase") as stream:
            headers = [("k", b"1"), ("k", b"2"), ("ключ", b"\xff")]
            result = await stream.request(b"loud", headers=headers)
            self.assertEqual(result.payload, b"LOUD")
            await stream.send(b"one")
            self.assertEqual((await stream.request(b"two")).payload, b"TWO")
            self.assertEqual(await client_case.count(stream, 1, first=2), [b"ONE"])
        async with self.connect() as stream:
            result = await stream.request(b"", headers=headers)
            self.assertEqual(list(result.headers), headers)

    async def test_a_message_that_fails_leaves_the_others_alone(self):
        async with self.connect(handler="spin") as stream:
            with self.assertRaisesRegex(msgproc.MessageError, "spin-us") as caught:
                await stream.request(b"x", headers={"spin-us": b"bad"})
            self.assertEqual(caught.exception.code, msgproc.Code.INVALID_ARGUMENT)
            await stream.send(b"x", headers={"spin-us": b"bad"})
            await stream.send(b"y")
            stream.finish()
            results = [result async for result in stream]
            self.assertEqual([result.error is None for result in results], [False, True])

    async def test_leaving_the_block_waits_for_all_answers(self):
        async with self.connect(handler="spin") as stream:
            for _ in range(20):
                await stream.send(b"x", headers=_spin(0.01))
        self.assertEqual(stream.outstanding, 0)
        answered = "msgproc_processor_messages_total"
        self.assertEqual(await self.in_thread(self.server.metric, answered, outcome="ok"), 20)
        # It has acknowledged everything, so the server has forgotten the session.
        await self.until(
            lambda: "why=goodbye" in self.server.output(), "the server hears the goodbye"
        )

    async def test_finish_ends_the_iteration_behind_the_last_result(self):
        async with self.connect() as stream:
            for i in range(10):
                await stream.send(b"%d" % i)
            stream.finish()
            with self.assertRaisesRegex(msgproc.StreamError, "finished"):
                await stream.send(b"late")
            self.assertEqual([r.payload async for r in stream], [b"%d" % i for i in range(10)])

    async def test_a_reader_in_another_task_gets_everything_before_the_block_is_left(self):
        async with self.connect() as stream:
            reader = asyncio.create_task(client_case.count(stream, 1000))
            for _ in range(1000):
                await stream.send(b"x")
        self.assertEqual(len(await reader), 1000)

    async def test_nothing_at_all(self):
        async with self.connect():
            pass
        async with self.connect() as stream:
            await stream.connected()

    async def test_send_waits_while_the_window_is_full(self):
        async with self.connect(window=msgproc.Window(messages=4)) as stream:
            for _ in range(4):
                await stream.send(b"x")
            fifth = asyncio.create_task(stream.send(b"x"))
            sixth = asyncio.create_task(stream.send(b"x"))
            await self.until(lambda: stream.outstanding == 0, "all are answered")
            self.assertFalse(fifth.done())
            await client_case.count(stream, 1)
            self.assertEqual(await fifth, 5)
            self.assertFalse(sixth.done())
            await client_case.count(stream, 1, first=2)
            self.assertEqual(await sixth, 6)

    async def test_a_send_that_is_cancelled_has_sent_nothing(self):
        async with self.connect(window=msgproc.Window(messages=1)) as stream:
            await stream.send(b"1")
            waiting = [asyncio.create_task(stream.send(b"never")) for _ in range(3)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            self.assertEqual(
                [type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)],
                [asyncio.CancelledError] * 3,
            )
            self.assertEqual(await client_case.count(stream, 1), [b"1"])
            self.assertEqual(await stream.send(b"2"), 2)
            self.assertEqual(await client_case.count(stream, 1, first=2), [b"2"])

    async def test_a_request_that_is_cancelled_loses_its_result_only(self):
        async with self.connect(handler="spin") as stream:
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.request(b"x", headers=_spin(0.3)), 0.05)
            self.assertEqual((await stream.request(b"y")).sequence, 2)
            await stream.send(b"z")
            await client_case.count(stream, 1, first=3)

    async def test_an_exception_in_the_block_ends_the_stream_at_once(self):
        events = client_case.Events()
        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            async with self.connect(handler="spin", on_event=events) as stream:
                await stream.connected()
                await stream.send(b"x", headers=_spin(5))
                waiting = asyncio.create_task(stream.request(b"y"))
                await asyncio.sleep(0)
                raise ZeroDivisionError("mine")
        with self.assertRaises(msgproc.Cancelled):
            await waiting
        with self.assertRaises(msgproc.Cancelled):
            await stream.send(b"z")
        await asyncio.sleep(0)
        self.assertIsInstance(events[-1].error, msgproc.Cancelled)

    async def test_a_task_that_is_cancelled_while_it_leaves_the_block(self):
        async def talk():
            async with self.connect(handler="spin") as stream:
                await stream.send(b"x", headers=_spin(5))

        task = asyncio.create_task(talk())
        await self.until(
            lambda: self.server.metric("msgproc_processor_sessions", state="attached") == 1,
            "it is there",
        )
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        await self.until(
            lambda: self.server.metric("msgproc_processor_sessions", state="attached") == 0,
            "its stream is gone",
        )

    async def test_a_payload_over_the_servers_limit_is_refused_alone(self):
        server = await self.in_thread(self.processor, "--max_payload_bytes=65536")
        async with msgproc.connect(target=server.grpc) as stream:
            await stream.connected()
            with self.assertRaisesRegex(msgproc.MessageError, "65537 bytes .* 65536"):
                await stream.send(b"x" * 65537)
            self.assertEqual(len((await stream.request(b"x" * 65536)).payload), 65536)

    async def test_large_payloads(self):
        async with self.connect() as stream:
            await stream.connected()
            payloads = [os.urandom(250_000) for _ in range(40)]
            reader = asyncio.create_task(client_case.count(stream, len(payloads)))
            for payload in payloads:
                await stream.send(payload)
            self.assertEqual(await reader, payloads)

    async def test_a_handler_that_does_not_exist(self):
        with self.assertRaisesRegex(msgproc.StreamError, "none-such") as caught:
            async with self.connect(handler="none-such") as stream:
                await stream.request(b"x")
        self.assertEqual(caught.exception.code, msgproc.Code.NOT_FOUND)
        self.assertIn("trying again does not help", str(caught.exception))

    async def test_an_iteration_says_why_there_are_no_more_results(self):
        with self.assertRaisesRegex(msgproc.StreamError, "none-such"):
            async with self.connect(handler="none-such") as stream:
                async for _ in stream:
                    self.fail("there is nothing")

    async def test_connections_of_streams_that_failed_are_closed_at_once(self):
        async def fail():
            with self.assertRaises(msgproc.StreamError):
                async with self.connect(handler="none-such") as stream:
                    await stream.connected()

        await fail()
        before = _sockets()
        # Nothing is to be left to the collector of cycles.
        gc.disable()
        self.addCleanup(gc.enable)
        for _ in range(10):
            await fail()
        await self.until(lambda: _sockets() <= before, "they are closed")

    async def test_a_stream_is_for_one_block(self):
        stream = self.connect()
        async with stream:
            await stream.request(b"x")
        with self.assertRaisesRegex(RuntimeError, "one `async with`"):
            async with stream:
                self.fail("it begins again")

    async def test_it_gives_up_in_time(self):
        address = f"127.0.0.1:{harness.free_port()}"
        with self.assertRaisesRegex(msgproc.Unavailable, "no server answered within 0.3 s"):
            async with msgproc.connect(target=address, give_up_after=0.3) as stream:
                await stream.connected()

    async def test_what_does_not_fit_together(self):
        for options in (
            {},
            {"target": "a:1", "balancers": ["b:1"]},
            {"balancers": "b:1"},
            {"target": "a:1", "session_token": b"short"},
        ):
            with self.assertRaises(ValueError):
                msgproc.connect(**options)

    async def test_a_takeover_ends_the_older_stream(self):
        session = {"session_id": "till-7", "session_token": b"0123456789abcdef"}
        with self.assertRaisesRegex(msgproc.TakenOver, "one stream for a session"):
            async with self.connect(**session) as older:
                await older.connected()
                async with self.connect(**session) as newer:
                    async for _ in older:
                        self.fail("nothing was sent")
        with self.assertRaises(msgproc.TakenOver):
            await older.send(b"x")
        # Whoever is left has the session to itself.
        async with self.connect(**session) as newer:
            self.assertEqual((await newer.request(b"mine")).payload, b"mine")

    async def test_a_wrong_token_of_a_session(self):
        async with self.connect(session_id="till-8", session_token=b"a" * 16) as stream:
            await stream.connected()
            with self.assertRaises(msgproc.StreamError) as caught:
                async with self.connect(session_id="till-8", session_token=b"b" * 16) as other:
                    await other.connected()
            self.assertEqual(caught.exception.code, msgproc.Code.PERMISSION_DENIED)
            await stream.request(b"not disturbed")


if __name__ == "__main__":
    unittest.main()
