"""More than a session, or all of them together, may hold."""

import time

from tests import harness
from tests.limits import bench, traffic
from tests.memory import greedy

_RESULTS = 2  # The field of a response.
# Welcome.State.
_RESUMED, _LOST = 2, 3


def _acknowledge(sequence):
    """A ProcessRequest that frees the results through it."""
    return traffic.numeric_field(3, sequence)


def _open(on, server, name, also=b""):
    call = bench.Call(server.grpc).send(traffic.open_session(name) + also)
    on.at_exit(call.leave)
    assert call.answered().received, call.status()
    return call


def _results(call):
    return sum(traffic.count(frame, _RESULTS) for frame in list(call.received))


def _frames(count, size, first=1):
    return [traffic.message(first + i, size) for i in range(count)]


def outstanding_messages(on):
    most = on.scale(65536, 1000)
    server = on.processor(f"--max_outstanding_messages={most}")
    with on.neighbour(server) as neighbour:
        call = _open(on, server, "beyond")
        together = 1000
        for first in range(1, most + 1, together):
            count = min(together, most + 1 - first)
            call.send(b"".join(_frames(count, 1, first)))
        harness.eventually(lambda: _results(call) == most, "what is within it is answered")
        assert not call.done()
        call.send(traffic.message(most + 1, 1))
        code, details = call.status()
        assert code == "RESOURCE_EXHAUSTED", (code, details)
    # The library knows the window: who asks for more at once waits for results.
    report = on.answers(
        f"--target={server.grpc}", f"--max_outstanding={4 * most}", messages=4 * most
    )
    return (
        f"message {most + 1} ends the stream RESOURCE_EXHAUSTED; the client library, told to keep"
        f" {4 * most} under way, waits instead ({report['failed']} failed); {neighbour}"
    )


def outstanding_bytes(on):
    size = on.scale(traffic.MIB, traffic.MIB // 32)
    most = 32 * size
    server = on.processor(f"--max_outstanding_bytes={most}", f"--max_result_bytes={2 * most}")
    with on.neighbour(server) as neighbour:
        call = _open(on, server, "beyond").send(*_frames(32, size - 64))
        harness.eventually(lambda: _results(call) == 32, "what is within it is answered")
        assert not call.done()
        call.send(*_frames(1, size - 64, first=33))
        code, details = call.status()
        assert code == "RESOURCE_EXHAUSTED", (code, details)
    return f"32 messages of 1/32 are answered, the 33rd ends the stream; {neighbour}"


def result_bytes(on):
    size = 64 << 10
    most, count = 8 * size, 64
    server = on.processor(f"--max_result_bytes={most}")
    with on.neighbour(server) as neighbour:
        call = _open(on, server, "beyond").send(*_frames(count, size))
        harness.eventually(lambda: _results(call) >= 8, "it gets what it may hold")
        time.sleep(0.5)  # More could come, and does not.
        held = _results(call)
        assert held < count, held
        assert not call.done()
        acknowledged = 0
        while _results(call) < count:
            call.send(_acknowledge(_results(call)))
            acknowledged += 1
            before = _results(call)
            harness.eventually(lambda: _results(call) > before, "it goes on once it acknowledges")
    return (
        f"of {count} results of {size >> 10} KiB {held} come, the others after each of"
        f" {acknowledged} acknowledgements; {neighbour}"
    )


def detached_bytes(on):
    each, sessions = 256 << 10, 40
    most = 10 * each
    server = on.processor(f"--max_detached_bytes={most}")
    with on.neighbour(server) as neighbour:
        for i in range(sessions):
            call = bench.Call(server.grpc)
            on.at_exit(call.leave)
            call.send(traffic.open_session(f"gone-{i}"), traffic.message(1, each)).half_close()
            assert call.status()[0] == "OK", call.status()
        # It is looked after a few times a second.
        name = "msgproc_processor_sessions"
        harness.eventually(
            lambda: server.metric(name, state="detached") < 10, "the oldest are forgotten"
        )
        kept = server.metric(name, state="detached")
        held = server.metric("msgproc_processor_detached_bytes")
        assert kept > 5 and held <= most, (kept, held)
        for name, state in (("gone-0", _LOST), (f"gone-{sessions - 1}", _RESUMED)):
            # They have had a result, and say so.
            welcome = _open(on, server, name, _acknowledge(1)).received[0]
            assert traffic.read(traffic.read(welcome, 1), 4) == state, (name, welcome)
    return (
        f"of {sessions} sessions of {each >> 10} KiB the last {kept:.0f} are kept, which hold"
        f" {held / most:.2f} of the bound; {neighbour}"
    )


def memory_budget(on):
    budget = on.scale(64, 16) * traffic.MIB
    streams = on.scale(200, 60)
    frame = 256 << 10
    window = 32 * traffic.MIB
    server = on.processor(f"--memory_budget={budget}")
    before = traffic.resident(server)
    actions = "msgproc_processor_memory_actions_total"
    used_bytes = "msgproc_processor_memory_used_bytes"
    with on.neighbour(server) as neighbour:
        # None of them reads anything. What they would hold is a hundred times what there is.
        crowd = greedy.Streams(
            server.grpc, streams, [traffic.message(i, frame) for i in range(1, window // frame)]
        )
        on.at_exit(crowd.leave)
        harness.eventually(lambda: server.metric(actions, action="paused") > 0, "some are paused")
        harness.eventually(
            lambda: server.metric(actions, action="ended") > 0, "some are ended", seconds=30
        )
        used = server.metric(used_bytes)
        peak = traffic.peak(server) - before
        # Each may read a frame more before it stops.
        assert used <= budget + streams * 2 * frame, used
        crowd.leave()
    on.answers(f"--target={server.grpc}")
    return (
        f"{streams} clients that read nothing ask for {streams * window / budget:.0f} x the budget:"
        f" sessions hold {used / budget:.2f} x, the process grows by {peak / budget:.1f} x;"
        f" {neighbour}"
    )


def payload(on):
    most = on.scale(traffic.MIB, 64 << 10)
    server = on.processor(f"--max_payload_bytes={most}")
    outcomes = []
    with on.neighbour(server) as neighbour:
        fits = _open(on, server, "fits").send(traffic.message(1, most))
        harness.eventually(lambda: _results(fits) == 1, "one that fits is answered")
        for size in (most + 1, 4 * traffic.MIB + 1):
            call = _open(on, server, f"size-{size}").send(traffic.message(1, size))
            outcomes.append(call.status()[0])
        assert outcomes == ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"], outcomes
    return (
        "a byte more INVALID_ARGUMENT, a request of 4 MiB and a byte RESOURCE_EXHAUSTED;"
        f" {neighbour}"
    )


def batch(on):
    most = 4096
    server = on.processor()
    with on.neighbour(server) as neighbour:
        fits = _open(on, server, "fits").send(b"".join(_frames(most, 1)))
        harness.eventually(lambda: _results(fits) == most, "one that fits is answered")
        call = _open(on, server, "beyond").send(b"".join(_frames(most + 1, 1)))
        code, details = call.status()
        assert code == "INVALID_ARGUMENT", (code, details)
    return f"{most} in a request are answered, {most + 1} end the stream; {neighbour}"


BOUNDS = (
    bench.Bound(
        "outstanding_messages",
        "--max_outstanding_messages",
        "max_outstanding_messages",
        "RESOURCE_EXHAUSTED; the client library waits at the window and never gets there",
        outstanding_messages,
    ),
    bench.Bound(
        "outstanding_bytes",
        "--max_outstanding_bytes",
        "max_outstanding_bytes",
        "RESOURCE_EXHAUSTED; the client library waits at the window and never gets there",
        outstanding_bytes,
    ),
    bench.Bound(
        "result_bytes",
        "--max_result_bytes",
        "max_result_bytes",
        "the session's handlers pause until its client acknowledges results",
        result_bytes,
    ),
    bench.Bound(
        "detached_bytes",
        "--max_detached_bytes",
        "max_detached_bytes",
        "sessions without a stream are forgotten, oldest first; their clients are told LOST and"
        " send again",
        detached_bytes,
    ),
    bench.Bound(
        "memory_budget",
        "--memory_budget",
        "memory_budget",
        "the biggest are not read, those that never acknowledge are ended UNAVAILABLE; who keeps to"
        " the rules goes on",
        memory_budget,
    ),
    bench.Bound(
        "payload",
        "--max_payload_bytes",
        "max_payload_bytes",
        "INVALID_ARGUMENT; a request of over 4 MiB, or over twice the bound and 256 KiB,"
        " RESOURCE_EXHAUSTED",
        payload,
    ),
    bench.Bound(
        "batch",
        "--max_batch_messages",
        "max_batch_messages",
        "INVALID_ARGUMENT",
        batch,
    ),
)
