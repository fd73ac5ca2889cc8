"""Connections and servers break; each message has its one result all the same."""

import asyncio
import pathlib
import random
import tempfile
import unittest

import msgproc
from msgproc import EventKind
from tests import harness
from tests.python_client import client_case

_MESSAGES = "msgproc_processor_messages_total"


class BreaksTest(client_case.ClientTest):
    async def send_all(self, stream, count):
        """Sends `count` messages, which tell one from another, and checks the results."""
        reader = asyncio.create_task(client_case.count(stream, count))
        for i in range(count):
            await stream.send(b"%d" % i)
            if i % 50 == 49:
                # So that a fast machine, too, is in the middle of it when something breaks.
                await asyncio.sleep(0.01)
        self.assertEqual(await reader, [b"%d" % i for i in range(count)])

    async def test_10000_messages_while_the_processor_is_killed_and_started_again(self):
        address = f"127.0.0.1:{harness.free_port()}"
        server = self.processor(listen_address=address)
        events = client_case.Events()
        options = {"window": msgproc.Window(messages=100), "on_event": events}
        async with msgproc.connect(target=address, **options) as stream:
            sending = asyncio.create_task(self.send_all(stream, 10_000))
            for _ in range(3):
                await self.until(lambda s=server: s.metric(_MESSAGES) > 500, "it answers")
                self.assertFalse(sending.done(), "it was to be killed in the middle")
                await self.in_thread(server.kill)
                server = await self.in_thread(self.processor, listen_address=address)
            await sending
        self.assertEqual(events.states()[0], "NEW")
        self.assertIn("LOST", events.states())
        self.assertGreaterEqual(events.count_of(EventKind.DISCONNECTED), 3)
        self.assertEqual(events.count_of(EventKind.VIOLATION), 0)

    async def test_200_broken_connections(self):
        server = self.processor()
        chance = random.Random(17)
        events = client_case.Events()
        async with client_case.Relay(server.grpc) as relay:
            options = {
                "window": msgproc.Window(messages=64),
                "backoff": msgproc.Backoff(initial=0.01, maximum=0.1),
                "on_event": events,
            }
            async with msgproc.connect(target=relay.address, **options) as stream:
                taken = []

                async def take():
                    async for result in stream:
                        self.assertEqual(result.sequence, len(taken) + 1)
                        self.assertEqual(result.payload, b"%d" % result.sequence)
                        taken.append(result.sequence)

                async def send():
                    sequence = 0
                    while broken < 200:
                        sequence += 1
                        self.assertEqual(await stream.send(b"%d" % sequence), sequence)
                    stream.finish()
                    return sequence

                broken = 0
                reading, sending = asyncio.create_task(take()), asyncio.create_task(send())
                while broken < 200:
                    # Some break before Welcome, most in the middle of something.
                    await asyncio.sleep(chance.uniform(0, 0.02))
                    broken += relay.break_all()
                    self.assertFalse(reading.done(), reading.done() and reading.exception())
                sent = await sending
                await reading
        self.assertEqual(taken, list(range(1, sent + 1)))
        self.assertEqual(events.count_of(EventKind.VIOLATION), 0)
        # The session lives at the server: what was answered is not asked for again.
        states = set(events.states()[1:])
        self.assertIn("RESUMED", states)
        self.assertNotIn("LOST", states)
        answered = await self.in_thread(server.metric, _MESSAGES)
        self.assertEqual(answered, sent)

    async def test_a_server_that_falls_silent_is_left_after_three_heartbeats(self):
        server = self.processor("--heartbeat_interval=1s")
        events = client_case.Events()
        async with client_case.Relay(server.grpc) as relay:
            async with msgproc.connect(target=relay.address, on_event=events) as stream:
                await stream.request(b"x")
                relay.swallow()
                self.assertEqual((await stream.request(b"y")).payload, b"y")
        (gone,) = [event for event in events if event.kind is EventKind.DISCONNECTED]
        self.assertRegex(str(gone.error), "nothing was heard|Socket closed|UNAVAILABLE")
        self.assertEqual(events.states(), ["NEW", "RESUMED"])

    async def test_an_idle_stream_stays(self):
        server = self.processor("--heartbeat_interval=1s")
        events = client_case.Events()
        async with msgproc.connect(target=server.grpc, on_event=events) as stream:
            await stream.connected()
            await asyncio.sleep(4)
            await stream.request(b"x")
        self.assertEqual(events.count_of(EventKind.DISCONNECTED), 0, events)

    async def test_so_does_one_that_waits_long_for_a_result(self):
        server = self.processor("--heartbeat_interval=1s", "--spin_handler=true")
        events = client_case.Events()
        options = {"handler": "spin", "on_event": events}
        async with msgproc.connect(target=server.grpc, **options) as stream:
            await stream.request(b"x", headers={"spin-us": b"5000000"})
        self.assertEqual(events.count_of(EventKind.DISCONNECTED), 0, events)

    async def test_a_server_that_comes_later(self):
        address = f"127.0.0.1:{harness.free_port()}"
        async with msgproc.connect(target=address) as stream:
            waiting = asyncio.create_task(stream.request(b"x"))
            await asyncio.sleep(0.3)
            await self.in_thread(self.processor, listen_address=address)
            self.assertEqual((await waiting).payload, b"x")

    async def test_streams_that_are_old_move_and_lose_nothing(self):
        server = self.processor("--max_stream_age=1s")
        events = client_case.Events()
        async with msgproc.connect(target=server.grpc, on_event=events) as stream:
            sequence = 0
            while events.count_of(EventKind.DRAINING) < 2:
                sequence += 1
                result = await stream.request(b"%d" % sequence)
                self.assertEqual((result.sequence, result.payload), (sequence, b"%d" % sequence))
        self.assertIn("moved_for=age", server.output())


class StoreTest(client_case.ClientTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "sessions.db")
        self.address = f"127.0.0.1:{harness.free_port()}"

    def start(self):
        flag = f"--session_store=sqlite:{self.file}"
        return self.processor(flag, listen_address=self.address)

    async def test_a_session_outlives_its_processor(self):
        server = self.start()
        events = client_case.Events()
        options = {"require_durable": True, "on_event": events}
        async with msgproc.connect(target=self.address, **options) as stream:
            await stream.request(b"x")
            await self.in_thread(server.kill)
            await self.in_thread(self.start)
            await stream.request(b"y")
        self.assertEqual(events.states(), ["NEW", "RESUMED"])
        self.assertRegex(events[0].store_generation, "^[0-9a-f]{32}$")

    async def test_a_store_that_is_gone_is_data_loss_and_nothing_is_sent_again(self):
        server = self.start()
        with self.assertRaisesRegex(msgproc.DataLoss, "find out what was done"):
            async with msgproc.connect(target=self.address) as stream:
                await stream.request(b"x")
                await self.in_thread(server.kill)
                for file in self.file.parent.glob("sessions.db*"):
                    file.unlink()
                server = await self.in_thread(self.start)
                await stream.request(b"y")
        self.assertEqual(await self.in_thread(server.metric, _MESSAGES), 0)

    async def test_a_server_without_a_store_is_data_loss_too(self):
        server = self.start()
        with self.assertRaises(msgproc.DataLoss):
            async with msgproc.connect(target=self.address) as stream:
                await stream.request(b"x")
                await self.in_thread(server.kill)
                server = await self.in_thread(self.processor, listen_address=self.address)
                await stream.request(b"y")
        self.assertEqual(await self.in_thread(server.metric, _MESSAGES), 0)

    async def test_whoever_needs_a_store_says_so(self):
        server = self.processor()
        with self.assertRaisesRegex(msgproc.StreamError, "--session_store"):
            async with msgproc.connect(target=server.grpc, require_durable=True) as stream:
                await stream.connected()


if __name__ == "__main__":
    unittest.main()
