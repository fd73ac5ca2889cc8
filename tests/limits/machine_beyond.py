"""A machine that has no more descriptors, or no more room on its disk."""

import os
import re
import signal
import subprocess
import time

from tests import harness
from tests.durability import mounts
from tests.limits import bench, traffic
from tests.workers import crew

_REJECTED = "msgproc_processor_connections_rejected_total"


def _few_descriptors(count):
    """The command that runs the rest of its command line with so many descriptors."""
    return ("sh", "-c", f'ulimit -n {count} && exec "$@"', "sh")


def _descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def _until_none_are_left(on, server, name="msgproc_processor"):
    """Connects until connections are refused for want of descriptors. Returns the Sockets."""
    sockets = bench.Sockets()
    on.at_exit(sockets.close)
    # Twice as many as there is room for; the system takes them before the server does.
    sockets.connect(server.grpc, 250)
    rejected = f"{name}_connections_rejected_total"
    harness.eventually(
        lambda: server.metric(rejected, reason="no_descriptors") >= 100, "descriptors run out"
    )
    return sockets


def descriptors(on):
    count = 256
    server = on.processor(prefix=_few_descriptors(count))
    with on.neighbour(server) as neighbour:
        sockets = _until_none_are_left(on, server)
        refused = server.metric(_REJECTED, reason="no_descriptors")
        used = _descriptors(server)
        assert server.get("/healthz")[0] == 200
        assert server.get("/readyz")[0] == 200
        sockets.close()
        before = server.metric("msgproc_processor_messages_total")
        again = bench.timed(
            lambda: server.metric("msgproc_processor_connections") < 10, "they have gone"
        )
        on.answers(f"--target={server.grpc}")
        assert server.metric("msgproc_processor_messages_total") > before
    assert "no_descriptors" in server.output() or "ulimit" in server.output()
    return (
        f"{used} of {count} used, {refused:.0f} connections refused, HTTP page serves; accepts"
        f" again {again:.2g} s after they leave; {neighbour}"
    )


def descriptors_of_workers(on):
    count, workers = 256, 2
    server = on.processor(f"--workers={workers}", prefix=_few_descriptors(count))
    serve = "msgproc_processor_workers"
    harness.eventually(lambda: server.metric(serve) == workers, "the workers serve")
    with on.neighbour(server) as neighbour:
        sockets = _until_none_are_left(on, server)
        os.kill(crew.children(server.pid)[0], signal.SIGKILL)
        restarts = "msgproc_processor_worker_restarts_total"
        harness.eventually(lambda: server.metric(restarts) >= 1, "it is missed")
        back = bench.timed(lambda: server.metric(serve) == workers, "another one serves")
        assert server.metric(_REJECTED, reason="no_descriptors") >= 100
        sockets.close()
        harness.eventually(
            lambda: server.metric("msgproc_processor_connections") < 10, "they have gone"
        )
        on.answers(f"--target={server.grpc}")
    return f"a worker that is killed meanwhile is replaced after {back:.2g} s; {neighbour}"


def descriptors_of_a_balancer(on):
    count = 128
    balancer = on.balancer("--lease=2s", prefix=_few_descriptors(count))
    server = on.processor(f"--balancer={balancer.grpc}")
    servers = "msgproc_balancer_servers"
    harness.eventually(lambda: balancer.metric(servers, state="serving") == 1, "it registers")
    with on.neighbour(server) as neighbour:
        sockets = _until_none_are_left(on, balancer, "msgproc_balancer")
        time.sleep(on.scale(5, 3))  # More than a lease: the registration is an open stream.
        assert balancer.metric(servers, state="serving") == 1
        assert balancer.get("/healthz")[0] == 200
        sockets.close()
        again = bench.timed(
            lambda: balancer.metric("msgproc_balancer_connections") < 10, "they have gone"
        )
        on.answers(f"--balancer={balancer.grpc}")
    return (
        f"processors stay registered, for longer than a lease; look-ups again {again:.2g} s after"
        f" they leave; {neighbour}"
    )


def descriptors_of_a_client(on):
    server = on.processor()
    with on.neighbour(server) as neighbour:
        load = on.loadgen(
            f"--target={server.grpc}",
            *("--n=1000", "--connections=200"),
            prefix=_few_descriptors(64),
        )
        code = load.wait(60)
        assert code == 2, load.describe(f"exited {code}")
        said = re.search(r"takes some \d+ file descriptors.* may have \d+", load.output())
        assert said, load.describe("did not say why")
    on.answers(f"--target={server.grpc}")
    return f"--connections=200 {said[0]}; {neighbour}"


def _disk(on, mebibytes):
    disk = mounts.Disk(on.folder(), mebibytes)
    on.at_exit(subprocess.run, ["umount", "--lazy", str(disk.folder)])
    return disk


def disk_of_a_store(on):
    disk = _disk(on, 64)
    server = on.processor(f"--session_store=sqlite:{disk.folder / 'sessions.db'}")
    with on.neighbour(server, "--stall_timeout=2m", "--give_up_after=2m") as neighbour:
        disk.fill()
        waits = "msgproc_store_waiting_sessions"
        fails = bench.timed(lambda: server.metric(waits) > 0, "results wait")
        harness.eventually(lambda: server.get("/readyz")[0] == 503, "it is not ready")
        assert server.get("/healthz")[0] == 200
        call = bench.Call(server.grpc).send(traffic.open_session("late"))
        on.at_exit(call.leave)
        code, details = call.status()
        assert code == "UNAVAILABLE", (code, details)
        time.sleep(on.scale(3, 0.5))
        streams = server.metric("msgproc_processor_streams")
        disk.make_room()
        again = bench.timed(lambda: server.get("/readyz")[0] == 200, "it is ready again")
        harness.eventually(lambda: server.metric(waits) == 0, "nobody waits")
        assert server.metric("msgproc_processor_streams") == streams
    return (
        f"results wait after {fails:.2g} s, /readyz 503, new streams UNAVAILABLE; goes on"
        f" {again:.2g} s after there is room; nothing lost, no socket ended"
        f" (neighbour: longest wait {neighbour.latency_us['max'] / 1e6:.1f} s)"
    )


def disk_of_an_outbox(on):
    disk = _disk(on, 64)
    server = on.processor()
    lines, other = on.scale(20_000, 4_000), on.folder()
    file, results = other / "lines", other / "results"
    file.write_text("".join(f"line {i}\n" for i in range(lines)), encoding="utf-8")
    outbox = disk.folder / "outbox"
    flags = [
        *(f"--target={server.grpc}", f"--input={file}", f"--output={results}"),
        f"--outbox={outbox}",
    ]
    with on.neighbour(server) as neighbour:
        load = on.loadgen(*flags, f"--rate={lines / 4}")
        harness.eventually(lambda: results.exists() and results.stat().st_size > 0, "results come")
        disk.fill()
        code = load.wait(60)
        assert code == 1, load.describe(f"exited {code}")
        assert str(outbox) in load.output(), load.describe("does not name the file")
        assert "full" in load.output(), load.describe("does not say why")
        disk.make_room()
        again = on.loadgen(*flags)
        code = again.wait(60)
        assert code == 0, again.describe(f"exited {code}")
    texts = {}
    for line in results.read_text(encoding="utf-8").splitlines():
        number, text = line.split("\t")
        assert texts.setdefault(number, text) == text, line
    assert sorted(texts.values()) == sorted(f"line {i}" for i in range(lines))
    return (
        f"the client's stream ends and names the file; started again with room, all {lines} lines"
        f" have their result; {neighbour}"
    )


BOUNDS = (
    bench.Bound(
        "descriptors",
        "ulimit -Hn, LimitNOFILE: a processor",
        "the system's",
        "new connections are closed and counted, open ones do not notice, the HTTP page serves;"
        " accepts again once there are some",
        descriptors,
    ),
    bench.Bound(
        "descriptors_of_workers",
        "the same, with --workers",
        "the system's",
        "likewise; a worker that ends is replaced all the same",
        descriptors_of_workers,
    ),
    bench.Bound(
        "descriptors_of_a_balancer",
        "the same: a balancer",
        "the system's",
        "look-ups on new connections fail, registrations and the HTTP page stay",
        descriptors_of_a_balancer,
    ),
    bench.Bound(
        "descriptors_of_a_client",
        "the same: loadgen",
        "the system's",
        "it says how many it takes, and ends with exit code 2; servers do not notice",
        descriptors_of_a_client,
    ),
    bench.Bound(
        "disk_of_a_store",
        "the disk of --session_store=sqlite:",
        "",
        "results wait, sockets stay, /readyz is 503 and new streams are UNAVAILABLE; goes on by"
        " itself once there is room",
        disk_of_a_store,
        mounts=True,
    ),
    bench.Bound(
        "disk_of_an_outbox",
        "the disk of a client's outbox",
        "",
        "the client's stream ends with a status that names the file; opened again with room it"
        " goes on where it was",
        disk_of_an_outbox,
        mounts=True,
    ),
)
