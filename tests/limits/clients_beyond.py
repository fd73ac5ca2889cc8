"""More clients, connections, streams and sessions than may be, and faster ones."""

import contextlib
import time

from tests import harness
from tests.identity import issuer as issuing
from tests.limits import bench, traffic

_REJECTED = "msgproc_processor_connections_rejected_total"
_OPEN = "msgproc_processor_connections"


def connections(on):
    most, more = on.scale(8192, 64), on.scale(1000, 64)
    server = on.processor(f"--max_connections={most}")
    sockets = bench.Sockets()
    on.at_exit(sockets.close)
    before = traffic.resident(server)
    with on.neighbour(server) as neighbour:
        room = most - int(server.metric(_OPEN))
        sockets.connect(server.grpc, room)
        harness.eventually(lambda: server.metric(_OPEN) == most, "all that may are open")
        assert sockets.closed() == 0
        each = (traffic.resident(server) - before) / room / 1024
        closing = bench.timed(
            lambda: (sockets.connect(server.grpc, more - sockets.closed()), True)[1], "they connect"
        )
        harness.eventually(lambda: sockets.closed() == more, "those beyond are closed")
        assert server.metric(_REJECTED, reason="connection_limit") == more
        sockets.close()
        again = bench.timed(lambda: server.metric(_OPEN) < most / 2, "they have gone")
        on.answers(f"--target={server.grpc}")
    return (
        f"{most} held ({each:.0f} KiB each, silent), {more} closed in {closing:.2g} s, room again"
        f" {again:.2g} s after they leave; {neighbour}"
    )


def connections_per_address(on):
    most = 10
    server = on.processor(f"--max_connections_per_address={most}")
    sockets, others = bench.Sockets(), bench.Sockets()
    on.at_exit(sockets.close)
    on.at_exit(others.close)
    sockets.connect(server.grpc, 2 * most, source="127.0.0.2")
    harness.eventually(lambda: sockets.closed() == most, "half of them are closed")
    others.connect(server.grpc, most, source="127.0.0.3")
    harness.eventually(lambda: server.metric(_OPEN) == 2 * most, "another address has its own")
    assert others.closed() == 0
    assert server.metric(_REJECTED, reason="address_limit") == most
    on.answers(f"--target={server.grpc}")
    return f"of {2 * most} connections {most} stay; other addresses have all of theirs"


def streams_per_connection(on):
    most, more = 100, 50
    server = on.processor()
    with on.neighbour(server) as neighbour, bench.channel_to(server.grpc) as channel:
        before = server.metric("msgproc_processor_streams")
        calls = []
        for i in range(most + more):
            call = bench.Call(server.grpc, channel=channel).send(traffic.open_session(f"s-{i}"))
            on.at_exit(call.leave)
            calls.append(call)

        def welcomed():
            return sum(bool(call.received) for call in calls)

        harness.eventually(lambda: welcomed() == most, "those that may be are welcomed")
        assert server.metric("msgproc_processor_streams") == before + most
        assert not any(call.done() for call in calls)
        for call in [call for call in calls if call.received][:more]:
            call.half_close()
        took = bench.timed(lambda: welcomed() == most + more, "those that waited are welcomed")
    return (
        f"{most} of {most + more} served, {more} wait, and are served {took * 1000:.0f} ms after"
        f" others end; {neighbour}"
    )


class _Principals:
    """A server that knows people by tokens, with limits for each of them."""

    def __init__(self, on, limits):
        folder = on.folder()
        self._issuer = issuing.Issuer(folder)
        issuing.write_jwks(folder / "keys.json", self._issuer)
        access = folder / "access.txtpb"
        access.write_text(
            f'rules {{ name: "all" sources: SOURCE_TOKEN handlers: "*" limits {{ {limits} }} }}\n',
            encoding="utf-8",
        )
        self._folder = folder
        self.server = on.processor(
            f"--jwt_keys={folder / 'keys.json'}",
            f"--jwt_issuer={issuing.ISSUER}",
            f"--jwt_audience={issuing.AUDIENCE}",
            f"--access_file={access}",
        )

    def file(self, name):
        path = self._folder / name
        path.write_text(self._issuer.token(sub=name), encoding="utf-8")
        return f"--token_file={path}"

    def metadata(self, name):
        return (("authorization", f"Bearer {self._issuer.token(sub=name)}"),)


def sessions_of_a_principal(on):
    most, more = 40, 20
    people = _Principals(on, f"sessions: {most}")
    server = people.server
    # It has a result that is not acknowledged: its session stays when its stream ends.
    with on.neighbour(server, people.file("bob")) as neighbour:
        refused = set()
        for i in range(most + more):
            call = bench.Call(server.grpc, people.metadata("alice"))
            on.at_exit(call.leave)
            call.send(traffic.open_session(f"a-{i}") + traffic.message(1, 8)).half_close()
            code, details = call.status()
            assert code == ("OK" if i < most else "RESOURCE_EXHAUSTED"), (i, code, details)
            if i >= most:
                refused.add(details)
        assert len(refused) == 1 and f"has {most} sessions" in min(refused), refused
    return (
        f"{most} of {most + more} opened, {more} RESOURCE_EXHAUSTED; another principal's"
        f" {neighbour}"
    )


def streams_of_a_principal(on):
    most, more = 20, 20
    people = _Principals(on, f"streams: {most}")
    server = people.server
    with on.neighbour(server, people.file("bob")) as neighbour:
        calls = []
        for i in range(most + more):
            call = bench.Call(server.grpc, people.metadata("alice"))
            on.at_exit(call.leave)
            calls.append(call.send(traffic.open_session(f"a-{i}")).answered())
        for call in calls[most:]:
            code, details = call.status()
            assert code == "RESOURCE_EXHAUSTED" and f"{most}" in details, (code, details)
        assert not any(call.done() for call in calls[:most])
    return (
        f"{most} of {most + more} served, {more} RESOURCE_EXHAUSTED; another principal's"
        f" {neighbour}"
    )


def messages_per_second(on):
    rate, seconds = 2000, on.scale(4, 2)
    people = _Principals(on, f"messages_per_second: {rate}")
    server = people.server

    def count():
        return server.metric("msgproc_processor_principal_messages_total", principal="alice")

    with on.neighbour(server, people.file("bob")) as neighbour:
        load = on.loadgen(
            f"--target={server.grpc}",
            people.file("alice"),
            *(f"--rate={4 * rate}", f"--duration={seconds}s", "--connections=4"),
        )
        harness.eventually(lambda: count() > rate, "what may go at once has gone")
        before, since = count(), time.monotonic()
        _, report = load.report()
        done, took = count() - before, time.monotonic() - since
        bench.all_answered(report, load)
        assert report["interruptions"]["count"] == 0
        # What is not used of a second may be made up for; it is never more than that.
        assert done <= rate * (took + 1), (done, took)
    return (
        f"asked for 4 x {rate}/s, gets {done / took / rate:.2f} x; nothing refused or lost;"
        f" another principal's {neighbour}"
    )


def http_page(on):
    most = 128
    server = on.processor()
    sockets = bench.Sockets()
    on.at_exit(sockets.close)
    with on.neighbour(server) as neighbour:
        for last in range(2, 7):
            sockets.connect(server.http, 2 * most // 5, source=f"127.0.0.{last}")
        began = time.monotonic()
        looks = 0
        while looks < 20:
            status, _ = server.get("/healthz")
            assert status == 200, status
            looks += 1
        each = (time.monotonic() - began) / looks
        harness.eventually(lambda: sockets.closed() >= most - 50, "the oldest are closed")
    with contextlib.suppress(OSError):
        sockets.close()
    return (
        f"{2 * most // 5 * 5} silent connections: a probe takes {each * 1000:.1f} ms; {neighbour}"
    )


BOUNDS = (
    bench.Bound(
        "connections",
        "--max_connections",
        "max_connections",
        "those beyond are closed at once (clients see UNAVAILABLE), those that are open do not"
        " notice; there is room as soon as one leaves",
        connections,
    ),
    bench.Bound(
        "connections_per_address",
        "--max_connections_per_address",
        "max_connections_per_address",
        "those of that address beyond it are closed at once, others come in",
        connections_per_address,
    ),
    bench.Bound(
        "streams_per_connection",
        "--max_streams_per_connection",
        "max_streams_per_connection",
        "they wait at the client, without an error, until others of that connection have ended",
        streams_per_connection,
    ),
    bench.Bound(
        "streams_of_a_principal",
        "limits { streams } of --access_file",
        "none",
        "RESOURCE_EXHAUSTED, which names the limit; other principals do not notice",
        streams_of_a_principal,
    ),
    bench.Bound(
        "sessions_of_a_principal",
        "limits { sessions } of --access_file",
        "none",
        "RESOURCE_EXHAUSTED, which names the limit; other principals do not notice",
        sessions_of_a_principal,
    ),
    bench.Bound(
        "messages_per_second",
        "limits { messages_per_second } of --access_file",
        "none",
        "messages wait in the session's window, then the client does; no stream ends; other"
        " principals do not notice",
        messages_per_second,
    ),
    bench.Bound(
        "http_page",
        "(fixed) connections to the HTTP page",
        "128, 64 an address",
        "the one that has kept it waiting longest is closed; probes get through",
        http_page,
    ),
)
