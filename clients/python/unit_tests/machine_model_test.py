"""Random stories: a network that breaks anywhere, servers that forget, drain and differ in their
windows. Whatever they do, the client keeps the rules and has each result once, in order.
"""

import collections
import os
import random
import unittest

from msgproc import Window
from msgproc._errors import Code, stream_error
from msgproc._machine import Machine, Settings, Step
from msgproc.v1 import processor_pb2 as pb

_SEEDS = int(os.environ.get("MSGPROC_MODEL_SEEDS", "100"))
_INTERVAL = 20
_MESSAGES = 300


def _payload(sequence):
    return b"%d:" % sequence + b"p" * (sequence * 7919 % 3000)


class _Server:
    """One that may be asked for the session, by the rules of processor.proto."""

    def __init__(self, name, chance):
        self.name = name
        self.chance = chance
        self.messages = chance.choice([1, 5, 100, 1000])
        self.bytes = chance.choice([1, 10_000, 8 << 20])
        self.batch = chance.choice([1, 7, 4096])
        self.forget()

    def forget(self):
        self.known = False
        self.accepted = 0
        self.received = 0
        # By sequence, from received + 1 on: what it holds.
        self.held = {}
        self.ready = 0

    def open(self, request):
        """Returns the Welcome."""
        state = pb.Welcome.STATE_RESUMED
        received = request.received_through
        if self.known and not received <= self.ready <= self.accepted:
            self.forget()
        if not self.known:
            state = pb.Welcome.STATE_LOST if received else pb.Welcome.STATE_NEW
            self.known, self.accepted, self.ready = True, received, received
        self.acknowledge(received)
        self.accept(request.messages, first=True)
        welcome = pb.Welcome(
            server_id=self.name,
            state=state,
            accepted_through=self.accepted if state != pb.Welcome.STATE_LOST else 0,
            max_batch_messages=self.batch,
            max_payload_bytes=1 << 20,
            max_outstanding_messages=self.messages,
            max_outstanding_bytes=self.bytes,
        )
        welcome.heartbeat_interval.FromSeconds(_INTERVAL)
        return welcome

    def acknowledge(self, through):
        assert through <= self.ready, ("received what was not sent", through, self.ready)
        self.received = max(self.received, through)
        self.held = {i: data for i, data in self.held.items() if i > self.received}

    def accept(self, messages, first=False):
        assert len(messages) <= (64 if first else self.batch), len(messages)
        for message in messages:
            if first and message.sequence <= self.accepted:
                continue
            assert message.sequence == self.accepted + 1, (message.sequence, self.accepted)
            self.accepted = message.sequence
            assert message.payload == _payload(message.sequence)
            self.held[message.sequence] = message.payload
        if messages and len(self.held) > 1 and not first:
            assert len(self.held) <= self.messages, "beyond the window"
            assert sum(map(len, self.held.values())) <= self.bytes, "beyond the window in bytes"


class _Story:
    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.now = 0.0
        self.servers = {name: _Server(name, self.chance) for name in ("a", "b")}
        own = Window(
            messages=self.chance.choice([1, 10, 1000]),
            bytes=self.chance.choice([5_000, 1 << 20]),
        )
        self.machine = Machine(
            Settings(pb.Open(session_id="s", session_token=b"t" * 16), window=own),
            self.now,
            self.chance.random,
        )
        self.taken = 0
        self.sent = 0
        self.requests = set()
        self.faults = True
        self.hang_up()

    def hang_up(self):
        self.server = None
        self.opened = self.drained = self.half_closed = False
        self.requested = collections.deque()
        self.answered = collections.deque()
        self.told = 0
        self.heard = self.now

    # What may happen, one at a time.

    def send(self):
        for _ in range(self.chance.randrange(1, 20)):
            if self.sent == _MESSAGES:
                return
            request = self.chance.random() < 0.2
            sequence = self.machine.append(_payload(self.sent + 1), (), request)
            if not sequence:
                return
            self.sent += 1
            assert sequence == self.sent
            if request:
                self.requests.add(sequence)

    def take(self):
        for _ in range(self.chance.randrange(1, 20)):
            if self.machine.results:
                self.check(self.machine.take_result())
            if self.machine.answers:
                result = self.machine.answers.popleft()
                assert result.sequence in self.requests
                self.requests.remove(result.sequence)
                assert result.payload == _payload(result.sequence)

    def check(self, result):
        assert self.taken < result.sequence <= self.sent, (self.taken, result.sequence)
        # What lies between was a request's.
        self.taken = result.sequence
        assert result.payload == _payload(result.sequence)

    def connect(self):
        step = self.machine.next_step(self.now)
        if step is Step.WAIT:
            self.pass_time()
        elif step is Step.LOCATE:
            self.machine.on_located(self.chance.choice(["a", "b"]), self.now)
        elif step is Step.CALL:
            self.hang_up()
            self.server = self.servers[self.machine.destination.address]
            self.requested.append(self.machine.open(self.now))

    def write(self):
        frame, half_close = self.machine.session.next_write(self.now)
        if frame is not None:
            self.requested.append(frame)
            self.heard = self.now
        if half_close:
            assert not self.half_closed
            self.half_closed = True

    def read_at_server(self):
        if not self.requested:
            return
        frame = self.requested.popleft()
        request = pb.ProcessRequest.FromString(frame)
        assert len(frame) <= 1 << 20 or len(request.messages) == 1
        assert request.HasField("open") == (not self.opened)
        if not self.opened:
            self.opened = True
            welcome = self.server.open(request)
            self.told = request.received_through
            self.answered.append(pb.ProcessResponse(welcome=welcome))
            return
        self.server.acknowledge(request.received_through)
        self.server.accept(request.messages)
        if not request.messages:
            self.answered.append(pb.ProcessResponse())

    def work(self):
        if not self.opened:
            return
        server = self.server
        server.ready = min(server.accepted, server.ready + self.chance.randrange(0, 30))
        through = self.chance.randrange(self.told, max(server.ready, self.told) + 1)
        results = [
            pb.Result(sequence=i, payload=server.held[i])
            for i in range(self.told + 1, through + 1)
            if i in server.held
        ]
        if results:
            self.told = through
            self.answered.append(pb.ProcessResponse(results=results))

    def read(self):
        if self.answered and not self.machine.paused:
            frame = self.answered.popleft().SerializeToString()
            fine = self.machine.on_frame(frame, self.now)
            assert fine, self.machine.events

    def pass_time(self):
        if self.machine.ended:
            return
        self.now = max(
            self.now, min(self.machine.alarm(True), self.now + self.chance.random() * 40)
        )
        if self.server is not None:
            self.write()
            if self.machine.session.window.connected and not self.half_closed:
                assert self.now - self.heard <= _INTERVAL, "silent"
            if not self.machine.on_time(self.now, self.now):
                self.end_call(Code.CANCELLED)

    def end_call(self, code=Code.UNAVAILABLE):
        error = None if code == Code.OK else stream_error(code, "broken")
        self.machine.on_call_ended(error, self.now)
        self.hang_up()

    def finish_call(self):
        """The server has read everything, and the client wants nothing more."""
        if self.half_closed and not self.requested:
            while self.answered:
                self.machine.on_frame(self.answered.popleft().SerializeToString(), self.now)
            self.end_call(Code.OK)

    def go_wrong(self):
        if not self.faults:
            return
        fault = self.chance.randrange(5)
        if fault == 0:
            self.chance.choice(list(self.servers.values())).forget()
            if self.server is not None:
                self.end_call()
        elif fault == 1 and self.opened and not self.drained:
            self.drained = True
            drain = pb.Drain(reason=2, server_address=self.chance.choice(["", "a", "b"]))
            drain.grace.FromSeconds(30)
            self.answered.append(pb.ProcessResponse(drain=drain))
        elif fault > 1 and self.server is not None:
            # What is under way arrives in part, on either side.
            for _ in range(self.chance.randrange(3)):
                self.read_at_server()
            self.end_call(self.chance.choice([Code.UNAVAILABLE, Code.INTERNAL]))

    def turn(self):
        doings = [self.send, self.take, self.pass_time, self.read]
        if self.server is None:
            doings.append(self.connect)
        else:
            doings += [self.write, self.read_at_server, self.work, self.finish_call]
        if self.chance.random() < 0.03:
            doings = [self.go_wrong]
        self.chance.choice(doings)()

    def run(self):
        for _ in range(3000):
            self.turn()
        self.faults = False
        for turns in range(60_000):
            if self.sent == _MESSAGES and not self.machine.session.closing:
                self.machine.finish()
            if self.machine.ended and not self.machine.results and not self.machine.answers:
                break
            self.turn()
        assert self.machine.ended, (turns, self.sent, self.taken, self.machine.session.phase)
        assert self.machine.error is None
        assert self.sent == _MESSAGES
        assert not self.requests, self.requests


class ModelTest(unittest.TestCase):
    def test_stories(self):
        for seed in range(_SEEDS):
            story = _Story(seed)
            try:
                story.run()
            except Exception as error:
                raise AssertionError(f"seed {seed}") from error


if __name__ == "__main__":
    unittest.main()
