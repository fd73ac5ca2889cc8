"""A small client that keeps the rules, but for the faults that its command line plants.

Its adapter, too: what the suite is tested with. Without a fault it passes every
case that it has the capabilities for.
"""

import base64
import json
import os
import random
import sys
import threading
import time

import grpc

from conformance import protocol

_FAULTS = frozenset(sys.argv[1:])
_RETRIED = {"UNAVAILABLE", "INTERNAL", "UNKNOWN", "CANCELLED"}
_writing = threading.Lock()
_now = time.monotonic


def _has(fault):
    return fault in _FAULTS


def _emit(**event):
    with _writing:
        print(json.dumps(event), flush=True)


def _size(payload):
    return len(payload)


class Broken(Exception):
    """The server does not keep the rules: this connection is given up."""


class Client:
    """One stream. Everything below is guarded by `changed`."""

    def __init__(self, target, options):
        self.changed = threading.Condition()
        self.target = target
        # The session.
        self.session_id = options.get("session_id") or os.urandom(8).hex()
        self.token = base64.b64decode(options.get("session_token", "")) or self._secret()
        self.own_session = "session_id" in options
        self.instance = random.getrandbits(63) | 1
        self.attempts = 0
        self.messages = {}  # By sequence, until they have their result.
        self.next_sequence = 1
        self.first_request = None
        self.received = self.told = self.untold_bytes = 0
        self.welcomed = False
        self.generation = ""
        self.moved_for = 0
        self.closing = self.cancelled = False
        self.failures = 0
        self.channel = None
        self.drain_address = ""
        # The limits of the server that answered last.
        self.most_messages, self.most_bytes = protocol.MAX_MESSAGES_WITH_OPEN, 64 << 10
        self.most_batch, self.most_payload = 1 << 30, 1 << 30
        self._begin_connection()
        threading.Thread(target=self._run, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def _secret():
        if _has("short secret"):
            return os.urandom(8)
        return b"s" * 32 if _has("same secret") else os.urandom(32)

    def _begin_connection(self):
        self.call = None
        self.open = self.draining = self.half_closed = False
        self.cursor = self.received + 1  # What this connection is given next.
        self.interval = 1e9
        self.written = self.read = _now()
        self.acknowledge_by = 1e9 + _now()
        self.drain_reason = 0
        self.received_at_open = self.received

    # What its caller does.

    def send(self, payload):
        """Returns whether the message was taken; waits for room."""
        with self.changed:
            if len(payload) > self.most_payload and not _has("sends what is too large"):
                return False
            while not self._room(payload) and not _has("takes everything"):
                self.changed.wait()
            self.messages[self.next_sequence] = payload
            self.next_sequence += 1
            self.changed.notify_all()
            return True

    def _room(self, payload):
        if not self.messages:
            return True
        # What waits beyond `told` must fit as a whole.
        held = self.next_sequence - 1 - self.told
        total = sum(map(_size, self.messages.values())) + _size(payload)
        fits = total <= self.most_bytes or _has("ignores the window's bytes")
        return held < self.most_messages and fits

    def close(self):
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def cancel(self):
        with self.changed:
            self.cancelled = True
            if self.call and not _has("does not tell the server of a cancel"):
                self.call.cancel()
            self.changed.notify_all()

    # One connection after another.

    def _run(self):
        while True:
            code, text, moved = self._connection()
            with self.changed:
                if self.cancelled:
                    return self._end("CANCELLED", "its caller cancelled it")
                everything = self.closing and not self.messages
                if everything and (code == "OK" or code in _RETRIED):
                    return self._end("OK", "")
                if code == "OK" and not moved:
                    code, text = "UNAVAILABLE", "the server ended the stream early"
                if code != "OK" and not self._retries(code, text):
                    return self._end(code, text)
                good, pause = self.open, 0.0
                if self.moved_for and _has("does not say that it moved"):
                    self.moved_for = 0
                self._begin_connection()
            if good:
                self.failures = 0
            else:
                pause = self._pause()
                self.failures += 1
            time.sleep(pause)

    def _retries(self, code, text):
        if _has("comes again after anything"):
            return True
        if _has("comes again after UNAVAILABLE only"):
            return code == "UNAVAILABLE"
        if _has("fights for its session") and code == "ABORTED":
            return True
        if "RST_STREAM" in text and not _has("takes HTTP/2's word for the server's"):
            return True
        return code in _RETRIED and not _has("does not reconnect")

    def _pause(self):
        if _has("does not back off"):
            return 0.3
        most = min(5.0, 0.05 * 2**self.failures)
        return most / 2 if _has("has no jitter") else random.uniform(0, most)

    @staticmethod
    def _end(code, text):
        _emit(event="ended", code=code, message=text)
        if _has("does not tell the server of a cancel"):
            time.sleep(30)
        os._exit(0)  # pylint: disable=protected-access

    def _connection(self):
        """Returns its status, its text, and whether the client left as it was told to."""
        if self.channel is None or not _has("keeps its connection"):
            if self.channel:
                self.channel.close()
            follow = _has("follows Drain's address") and self.drain_address
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
            self.channel = grpc.insecure_channel(follow or self.target, options=options)
        stub = self.channel.stream_stream(protocol.PROCESS)
        with self.changed:
            opening = self._opening()
            if self.cancelled:
                return "CANCELLED", "", False
            call = self.call = stub(self._requests(opening, self.attempts))
        try:
            for raw in call:
                with self.changed:
                    self.read = _now()
                    try:
                        self._on_response(protocol.processor.ProcessResponse.FromString(raw))
                    except Broken:
                        raise
                    except Exception as error:  # pylint: disable=broad-except
                        if not _has("goes on after garbage"):
                            raise Broken("garbage") from error
                    self.changed.notify_all()
        except Broken as why:
            call.cancel()
            return "UNAVAILABLE", str(why), False
        except grpc.RpcError:
            pass
        code = call.code().name
        if code in ("DATA_LOSS", "FAILED_PRECONDITION"):
            return code, call.details(), False
        left = self.half_closed and self.draining
        if left and self.cursor == self.received + 1:
            self.moved_for = self.drain_reason
            if _has("takes every Drain for a shutdown"):
                self.moved_for = protocol.Drain.REASON_SHUTDOWN
        return code, call.details(), left

    # Writing.

    def _opening(self):
        self.attempts += 1
        if _has("opens another session"):
            self.session_id = os.urandom(8).hex()
        request = protocol.processor.ProcessRequest()
        request.open.session_id = self.session_id
        request.open.session_token = self.token
        request.open.instance = self.instance
        request.open.attempt = 1 if _has("does not count its attempts") else self.attempts
        request.open.moved_for = self.moved_for
        request.open.resumes = self.welcomed and not _has("does not say that it resumes")
        if not _has("forgets its store"):
            request.open.store_generation = self.generation
        request.received_through = 0 if _has("forgets what it received") else self.received
        self.told = self.received
        self.untold_bytes = 0
        if not self.welcomed:
            if self.first_request is None or _has("makes its first request anew"):
                self.first_request = list(self.messages)
            self._put(request, self.first_request)
            if self.first_request:
                self.cursor = self.first_request[-1] + 1
        return request.SerializeToString()

    def _put(self, request, sequences):
        for sequence in sequences:
            request.messages.add(sequence=sequence, payload=self.messages.get(sequence, b""))

    def _requests(self, opening, attempt):
        yield opening
        while True:
            with self.changed:
                while (request := self._next_request(attempt)) is None:
                    if self.half_closed or self.attempts != attempt or self.call is None:
                        return
                    self.changed.wait(0.02)
                self.written = _now()
            yield request.SerializeToString()

    def _next_request(self, attempt):
        """Returns what to write next; None: nothing yet, or nothing any more."""
        if self.attempts != attempt:
            return None
        early = _has("does not wait for Welcome") and not self.welcomed
        if self.half_closed or not (self.open or early):
            return None
        request = protocol.processor.ProcessRequest()
        if not self.draining or _has("sends while draining"):
            self._take(request)
        finished = self.closing and not self.messages
        finished = finished or (self.draining and self.cursor == self.received + 1)
        if self.closing and _has("closes at once"):
            finished = self.cursor == self.next_sequence
        if self.draining and _has("leaves at once"):
            finished = True
        self.half_closed = finished
        heartbeat = _now() >= self.written + self.interval and not _has("has no heartbeat")
        if not request.messages and not heartbeat and not self._acknowledges(finished):
            return None
        request.received_through = self._told_now()
        return request

    def _told_now(self):
        if _has("acknowledges what it sent"):
            return self.cursor - 1
        self.told, self.untold_bytes = self.received, 0
        self.acknowledge_by = 1e9 + _now()
        self.changed.notify_all()
        return self.told

    def _acknowledges(self, finished):
        if self.told == self.received:
            return False
        if finished:
            return not _has("forgets the last acknowledgement")
        if _has("acknowledges with heartbeats only"):
            return False
        if _now() >= self.acknowledge_by:
            return True
        if _has("acknowledges every second only"):
            return False
        if 2 * self.untold_bytes >= self.most_bytes and not _has("counts no result bytes"):
            return True
        return 2 * (self.received - self.told) >= self.most_messages

    def _take(self, request):
        """Adds the messages that the server's limits allow."""
        beyond = {s: self.messages.get(s, b"") for s in range(self.told + 1, self.cursor)}
        if self.received > self.told and self.cursor < self.next_sequence:
            beyond = {s: p for s, p in beyond.items() if s > self.received}
        count, total, frame = len(beyond), sum(map(_size, beyond.values())), 0
        while self.cursor < self.next_sequence:
            payload = self.messages[self.cursor]
            if count >= self.most_messages and not _has("ignores the window's messages"):
                break
            fits = total + _size(payload) <= self.most_bytes
            if not fits and (count or _has("never sends a large message")):
                if not _has("ignores the window's bytes"):
                    break
            if len(request.messages) >= self.most_batch and not _has("ignores the batch"):
                break
            if frame and frame + _size(payload) > 1 << 19 and not _has("makes large frames"):
                break
            request.messages.add(sequence=self.cursor, payload=payload)
            self.cursor += 1
            count, total, frame = count + 1, total + _size(payload), frame + _size(payload) + 32

    # Reading.

    def _on_response(self, response):
        if response.HasField("welcome"):
            self._on_welcome(response.welcome)
        elif not self.open and (response.results or not response.HasField("drain")):
            raise Broken("no Welcome")
        for result in response.results:
            self._on_result(result)
        old = response.drain.reason == protocol.Drain.REASON_AGE
        if response.HasField("drain") and not (
            _has("ignores Drain") or old and _has("ignores a Drain that it does not know")
        ):
            self.draining = True
            self.drain_reason = response.drain.reason
            self.drain_address = response.drain.server_address

    def _on_welcome(self, welcome):
        if self.generation and welcome.store_generation != self.generation:
            if not _has("goes on with any store"):
                _emit(event="ended", code="DATA_LOSS", message="another store")
                os._exit(0)  # pylint: disable=protected-access
        begin = self.received + 1
        if welcome.state == protocol.RESUMED:
            if welcome.accepted_through >= self.next_sequence:
                raise Broken("somebody else sends in this session")
            begin = max(welcome.accepted_through + 1, self.cursor)
            if _has("sends again what was accepted"):
                begin = self.received + 1
            if _has("forgets what was not accepted"):
                begin = self.next_sequence
        elif welcome.state == protocol.NEW:
            if self.received:
                raise Broken("the server begins anew")
            begin = (
                self.next_sequence if self.welcomed and _has("goes on after NEW") else self.cursor
            )
        else:
            _emit(event="lost")
            if _has("begins at 1 after LOST"):
                begin = 1
                self.messages.update({s: b"" for s in range(1, self.received + 1)})
        self.cursor = begin
        self.most_messages = welcome.max_outstanding_messages
        self.most_bytes = welcome.max_outstanding_bytes
        self.most_batch, self.most_payload = welcome.max_batch_messages, welcome.max_payload_bytes
        self.interval = welcome.heartbeat_interval.ToNanoseconds() / 1e9
        self.generation = welcome.store_generation
        self.open = self.welcomed = True
        self.moved_for = 0

    def _on_result(self, result):
        repeated = result.sequence <= self.received
        if repeated and not _has("gives repeats to its caller"):
            if result.sequence <= self.received_at_open:
                return
            raise Broken("a result came twice")
        wrong = result.sequence != self.received + 1 or result.sequence >= self.cursor
        if wrong and not repeated and not _has("believes any sequence"):
            raise Broken("a result out of order")
        self.received = max(self.received, result.sequence)
        self.messages.pop(result.sequence, None)
        self.untold_bytes += len(result.payload)
        self.acknowledge_by = min(self.acknowledge_by, _now() + 1.0)
        event = {"event": "result", "sequence": result.sequence}
        event["payload"] = base64.b64encode(result.payload).decode()
        if result.HasField("error") and not _has("hides errors"):
            code = next(one.name for one in grpc.StatusCode if one.value[0] == result.error.code)
            event["error"] = {"code": code, "message": result.error.message}
        _emit(**event)

    # Silence.

    def _watch(self):
        while True:
            time.sleep(0.02)
            with self.changed:
                intervals = 1 if _has("is impatient") else 3
                silent = _now() >= self.read + intervals * self.interval
                if silent and self.call and not _has("does not notice silence"):
                    self.call.cancel()


def main():
    capabilities = ["session_id", "session_token", "lost"]
    _emit(event="ready", client="faulty " + ", ".join(_FAULTS), capabilities=capabilities)
    client = None
    orders = []
    arrived = threading.Condition()

    def carry_out():
        while True:
            with arrived:
                arrived.wait_for(lambda: orders)
                order = orders.pop(0)
            if order["command"] == "finish":
                client.close()
                continue
            taken = 0
            for message in order["messages"]:
                if client.send(base64.b64decode(message["payload"])):
                    taken += 1
                else:
                    _emit(event="refused", code="INVALID_ARGUMENT", message="too large")
            _emit(event="sent", count=taken)

    for line in sys.stdin:
        command = json.loads(line)
        if command["command"] == "connect":
            client = Client(command["target"], command["options"])
            threading.Thread(target=carry_out, daemon=True).start()
        elif command["command"] == "cancel":
            client.cancel()
        else:
            with arrived:
                orders.append(command)
                arrived.notify_all()
    os._exit(0)  # pylint: disable=protected-access


if __name__ == "__main__":
    main()
