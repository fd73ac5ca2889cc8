"""Streams that come through balancers: moves, losses, and balancers that are down."""

import asyncio
import contextlib
import functools
import unittest

import msgproc
from msgproc import EventKind
from tests import harness
from tests.fleet import fleet
from tests.python_client import client_case


class FleetTest(fleet.FleetTest, client_case.ClientTest):
    async def talk(self, stream, enough):
        """Sends one message after another until `enough()`; returns how many."""
        sent = 0
        while not enough():
            sent += 1
            result = await stream.request(b"%d" % sent)
            self.assertEqual((result.sequence, result.payload), (sent, b"%d" % sent))
        return sent

    def by_name(self, servers, name):
        return next(server for server in servers if name in server.name)

    async def test_a_server_that_stops_sends_its_streams_elsewhere(self):
        balancer = self.balancer()
        members = self.members(balancer, 2)
        events = client_case.Events()
        async with msgproc.connect(balancers=[balancer.grpc], on_event=events) as stream:
            await stream.connected()
            first = self.by_name(members, events[0].server_id)
            sending = asyncio.create_task(self.talk(stream, lambda: len(events.states()) > 1))
            self.assertEqual(await self.in_thread(first.stop), 0)
            self.assertGreater(await sending, 0)
        self.assertEqual(events.states(), ["NEW", "LOST"])
        self.assertEqual(events.count_of(EventKind.DRAINING), 1)
        (left,) = [event for event in events if event.kind is EventKind.DISCONNECTED]
        self.assertIsNone(left.error)
        names = [event.server_id for event in events if event.kind is EventKind.CONNECTED]
        self.assertEqual(sorted(names), ["p1", "p2"])
        other = self.by_name(members, names[1])
        self.assertIn("moved_for=drain", other.output())

    async def test_a_rebalancer_says_where_to_go(self):
        balancer = self.balancer()
        members = self.members(balancer, 1)
        events = client_case.Events()
        options = {"balancers": [balancer.grpc], "on_event": events}
        async with contextlib.AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(msgproc.connect(**options)) for _ in range(8)
            ]
            await asyncio.gather(*(stream.connected() for stream in streams))
            members.append(await self.in_thread(self.member, balancer, "p2"))
            moved = functools.partial(self.is_there, events, "p2")
            await asyncio.gather(*(self.talk(stream, moved) for stream in streams))
        self.assertIn("moved_for=rebalance", members[1].output())
        lost = await self.in_thread(
            members[1].metric, "msgproc_processor_session_opens_total", state="lost"
        )
        self.assertEqual(lost, 0)

    def is_there(self, events, server_id):
        """Whether a stream has been welcomed by that server."""
        return any(event.server_id == server_id for event in events)

    async def test_a_server_that_dies_is_not_asked_again_though_the_balancer_knows_it(self):
        balancer = self.balancer()
        members = self.members(balancer, 2)
        events = client_case.Events()
        async with msgproc.connect(balancers=[balancer.grpc], on_event=events) as stream:
            await stream.request(b"x")
            first = self.by_name(members, events[0].server_id)
            await self.in_thread(first.kill)
            result = await stream.request(b"y")
            self.assertEqual((result.sequence, result.payload), (2, b"y"))
        self.assertEqual(events.states(), ["NEW", "LOST"])

    async def test_balancers_that_are_down_are_passed_over(self):
        down = f"127.0.0.1:{harness.free_port()}"
        balancer = self.balancer()
        self.members(balancer, 1)
        async with msgproc.connect(balancers=[down, balancer.grpc]) as stream:
            await stream.request(b"x")

    async def test_servers_outlive_their_balancers(self):
        balancer = self.balancer()
        members = self.members(balancer, 2)
        events = client_case.Events()
        async with msgproc.connect(balancers=[balancer.grpc], on_event=events) as stream:
            await stream.request(b"x")
            await self.in_thread(balancer.kill)
            await self.in_thread(self.by_name(members, events[0].server_id).kill)
            await stream.request(b"y")
        names = [event.server_id for event in events if event.kind is EventKind.CONNECTED]
        self.assertEqual(sorted(names), ["p1", "p2"])

    async def test_a_fleet_without_servers(self):
        balancer = self.balancer()
        with self.assertRaisesRegex(msgproc.Unavailable, f"{balancer.grpc}: "):
            options = {"balancers": [balancer.grpc], "give_up_after": 0.5}
            async with msgproc.connect(**options) as stream:
                await stream.connected()


if __name__ == "__main__":
    unittest.main()
