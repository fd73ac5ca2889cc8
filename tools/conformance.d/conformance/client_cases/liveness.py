"""Heartbeats and silence, both ways; readers that do not read."""

from conformance import protocol
from conformance.case import CLIENTS
from conformance.failure import Failure
from conformance.judge import Limits

_SPEAKS = "The client of an opened session sends something at least every `heartbeat_interval`."
_SILENCE = "After three of these in silence, in either direction, the other end counts as gone."
_STOPS = "A client whose caller takes no results stops reading"
_INTERVAL = 1.0


def _watch_heartbeats(run, stream, beats):
    """Fails like a server does: after three intervals without a word."""
    for _ in range(beats):
        at = len(stream.requests)
        run.until(
            lambda count=at: len(stream.requests) > count,
            f"heartbeat_interval is {_INTERVAL:g} s, and nothing came for three of them: a server "
            "gives this client up; send an empty request when there is nothing to say",
            seconds=protocol.SILENT_INTERVALS * _INTERVAL,
        )


@CLIENTS.case("heartbeat/idle", "ProcessRequest", _SPEAKS)
def idle(run):
    """An idle stream: the client speaks all the same."""
    stream = run.welcomed_stream(heartbeat=_INTERVAL)
    _watch_heartbeats(run, stream, 5)
    run.close_well(stream)


@CLIENTS.case("heartbeat/while-results-come", "ProcessRequest", _SPEAKS)
def while_results_come(run):
    """Results trickle in and the caller sends nothing: what the client reads does not excuse its
    silence."""
    stream = run.welcomed_stream(12, heartbeat=_INTERVAL)
    for sequence in range(1, 11):
        at = len(stream.requests)
        stream.results(sequence, sequence)
        run.let_pass(_INTERVAL / 2)
        if sequence % 5 == 0:
            run.until(
                lambda count=at: len(stream.requests) > count,
                "results came, and the client said nothing for three heartbeat intervals",
                seconds=protocol.SILENT_INTERVALS * _INTERVAL,
            )
    run.close_well(stream)


@CLIENTS.case(
    "heartbeat/while-the-caller-does-not-read", "ProcessRequest", _SPEAKS, needs=("pause_reading",)
)
def while_paused(run):
    """The caller takes no results: heartbeats go on, and the stream with them."""
    stream = run.welcomed_stream(4, heartbeat=_INTERVAL)
    run.adapter.command("pause_reading")
    stream.results(1, 4)
    _watch_heartbeats(run, stream, 6)
    run.adapter.command("resume_reading")
    run.await_results(4)
    if stream.broken:
        raise Failure(
            "the client gave the server up while its own caller did not read: that silence was not "
            "the server's"
        )
    run.close_well(stream)


@CLIENTS.case("heartbeat/answered", "ProcessRequest", "at least one response follows it")
def answered(run):
    """Answered heartbeats keep a stream open for many intervals."""
    stream = run.welcomed_stream(heartbeat=_INTERVAL)
    run.watch(
        lambda: stream.broken or len(run.server.streams) > 1,
        "the server answers each heartbeat, and the client gave the stream up: any response is a "
        "sign of life",
        seconds=6 * _INTERVAL,
    )
    run.send(1)
    run.close_well(stream)


def _silent(run, stream, since, interval):
    """The client gives the silent server up, not too early, and comes again."""
    again = run.accept(after=f" after three heartbeat intervals of {interval:g} s in silence")
    if again.began_at - since < protocol.SILENT_INTERVALS * interval:
        raise Failure(
            f"the client gave the server up after {again.began_at - since:.2f} s of silence; it "
            f"has {protocol.SILENT_INTERVALS * interval:g} s (three heartbeat intervals)"
        )
    again.welcome(protocol.RESUMED, stream.judge.next_sequence - 1)
    run.close_well(again)


@CLIENTS.case("silence/of-the-server", "Welcome.heartbeat_interval", _SILENCE)
def of_the_server(run):
    """The server reads and says nothing any more."""
    run.connect()
    stream = run.accept()
    stream.answers_heartbeats = False
    since = run.now()
    stream.welcome(heartbeat=0.5)
    _silent(run, stream, since, 0.5)


@CLIENTS.case("silence/of-the-network", "Welcome.heartbeat_interval", _SILENCE)
def of_the_network(run):
    """The network loses everything, and nobody says so: a new connection is made."""
    run.connect()
    stream = run.accept()
    stream.welcome(heartbeat=_INTERVAL)
    run.send(2)
    run.await_messages(stream, 2)
    since = run.now()
    stream.results(1, 1)
    run.await_results(1)
    stream.connection.silence()
    _silent(run, stream, since, _INTERVAL)


@CLIENTS.case(
    "silence/before-welcome",
    "docs/protocol.md, Welcome is lost",
    "it sends the same first request again (but for its `attempt`)",
    needs=("connect_timeout_ms",),
)
def before_welcome(run):
    """A server that never says Welcome is given up after connect_timeout, and asked again."""
    run.connect(connect_timeout_ms=1000)
    run.accept()
    again = run.accept(after=" after 1 s (connect_timeout_ms) without Welcome")
    again.welcome()
    run.send(1)
    run.close_well(again)


@CLIENTS.case(
    "reader/slow-caller-is-bounded",
    "docs/protocol.md, A session",
    _STOPS,
    needs=("pause_reading",),
)
def slow_caller(run):
    """The caller takes no results, of 128 MiB: the client stops reading from the network."""
    count, size = 512, 256 << 10
    stream = run.welcomed_stream(limits=Limits(size=1 << 30))
    for sequence in range(1, count + 1):
        run.set_result(sequence, b"%04d" % sequence * (size // 4))
    run.adapter.command("pause_reading")
    run.send(count)
    run.await_messages(stream, count)
    stream.will_answer(count)
    for sequence in range(1, count + 1):
        stream.write(protocol.processor.ProcessResponse(results=[run.result(sequence)]))
    before = -1
    while stream.written != before:
        before = stream.written
        run.let_pass(1.0)
    if stream.written > 64 << 20:
        raise Failure(
            f"the caller takes no results, and the client has read {stream.written >> 20} MiB of "
            "them: stop reading, HTTP/2 then stops the server"
        )
    run.adapter.command("resume_reading")
    run.await_results(count)
    run.close_well(stream)


@CLIENTS.case(
    "reader/slow-caller-stops-the-sender",
    "docs/protocol.md, A session",
    _STOPS,
    needs=("pause_reading", "max_outstanding_messages"),
)
def slow_caller_stops(run):
    """The caller sends and takes no results, of 2 MiB each second: its sends wait in the end."""
    run.connect(max_outstanding_messages=16)
    stream = run.accept()
    stream.welcome(limits=Limits(messages=16))
    run.adapter.command("pause_reading")
    total = 6000
    for sequence in range(1, total + 1):
        run.set_result(sequence, b"%04d" % sequence * 4096)
    for _ in range(total // 16):
        run.send([b"x"] * 16)
    stream.echo()
    before = -1
    while run.adapter.sent != before:
        before = run.adapter.sent
        run.let_pass(1.0)
    if run.adapter.sent >= total * 9 // 10:
        raise Failure(
            f"the caller has taken no result, and the client took {run.adapter.sent} messages of "
            "it: their results (16 KiB each) are all in the client's memory; stop reading, and "
            "the window stops the sender"
        )
    run.adapter.command("resume_reading")
    run.await_results(total // 16 * 16)
    run.close_well(stream)
