"""How a fault of the nemesis is done to a cluster, and undone."""

import collections
import contextlib
import heapq
import itertools
import os
import signal

# A processor's share of the messages takes about as much.
_SLOW_KILOBITS = 200
# A rolling deploy stops one after the other.
_DEPLOY_SECONDS = 4


class Faults:
    """Does a timeline to a cluster's members and hosts. One thread."""

    def __init__(self, cluster, clients, timeline):
        self._cluster = cluster
        self._members = cluster.members | {client.name: client for client in clients}
        self._timeline = collections.deque(timeline)
        # What has begun and is to end, or to go on: (when, order, function).
        self._ends = []
        self._steps = []
        self._order = itertools.count()
        self._frozen = {}
        # How many faults cut each way between two hosts.
        self._cuts = collections.Counter()

    def advance(self, now):
        """Does what is due. Returns the faults that began."""
        for due in (self._ends, self._steps):
            while due and due[0][0] <= now:
                heapq.heappop(due)[-1]()
        begun = []
        while self._timeline and self._timeline[0].at <= now:
            fault = self._timeline.popleft()
            self._begin(fault)
            begun.append(fault)
        return begun

    def end_all(self):
        """Nothing is wrong any more, and nothing will be."""
        self._timeline.clear()
        self._steps.clear()
        while self._ends:
            heapq.heappop(self._ends)[-1]()

    def _begin(self, fault):
        begin, end = {
            "kill": self._kill,
            "stop": self._stop,
            "deploy": self._deploy,
            "freeze": self._freeze,
            "kill workers of": self._kill_workers,
            "freeze workers of": self._freeze_workers,
            "reload": self._reload,
            "restart fast": self._restart,
            "restart immediately": self._restart,
            "hang and crash": self._hang_and_crash,
            "end sessions of": self._end_sessions,
            "cut": self._cut,
            "cut one way": self._cut,
            "slow down": self._slow_down,
            "reset connections of": self._reset_connections,
            "fill": self._fill,
        }[fault.kind](fault)
        begin()
        if end:
            heapq.heappush(self._ends, (fault.until, next(self._order), end))

    def _kill(self, fault):
        member = self._members[fault.target]
        return member.kill, member.revive

    def _stop(self, fault):
        return self._members[fault.target].stop, None

    def _deploy(self, fault):
        def begin():
            for i, name in enumerate(self._cluster.processors):
                when = fault.at + i * _DEPLOY_SECONDS
                heapq.heappush(self._steps, (when, next(self._order), self._members[name].stop))

        return begin, None

    def _restart(self, fault):
        store = self._members[fault.target]
        number = signal.SIGINT if fault.kind == "restart fast" else signal.SIGQUIT
        return lambda: store.take_down(number), store.revive

    def _freeze(self, fault):
        return self._stand_still(fault, self._members[fault.target].pids)

    def _freeze_workers(self, fault):
        return self._stand_still(fault, self._members[fault.target].workers)

    def _stand_still(self, fault, pids):
        def begin():
            self._frozen[fault] = pids()
            _signal_all(self._frozen[fault], signal.SIGSTOP)

        def end():
            # Those that a parent started before it stood still itself.
            _signal_all({*pids(), *self._frozen.pop(fault)}, signal.SIGCONT)

        return begin, end

    def _hang_and_crash(self, fault):
        """Whatever was said to it meanwhile, a COMMIT too, it has not heard."""
        store = self._members[fault.target]

        def end():
            pids = store.pids()
            store.ask_to_end(signal.SIGQUIT)
            # Before any of them goes on.
            _signal_all(pids, signal.SIGQUIT)
            _signal_all(pids, signal.SIGCONT)

        return lambda: _signal_all(store.pids(), signal.SIGSTOP), end

    def _kill_workers(self, fault):
        workers = self._members[fault.target].workers
        return lambda: _signal_all(workers(), signal.SIGKILL), None

    def _end_sessions(self, fault):
        def begin():
            # As pg_terminate_backend does, and PostgreSQL needs not be asked for it.
            for pid in self._members[fault.target].workers():
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as title:
                    if b"postgres: msgproc " in title.read():
                        os.kill(pid, signal.SIGTERM)

        return begin, None

    def _reload(self, fault):
        return self._members[fault.target].process.reload, None

    def _cut(self, fault):
        one, other = self._cluster.hosts[fault.target], self._cluster.hosts[fault.peer]
        ways = [(one, other)]
        if fault.kind == "cut":
            ways.append((other, one))
        return (
            lambda: [self._count_cut(way, 1) for way in ways],
            lambda: [self._count_cut(way, -1) for way in ways],
        )

    def _count_cut(self, way, more):
        before = self._cuts[way]
        self._cuts[way] += more
        if bool(before) != bool(self._cuts[way]):
            way[0].lose_packets_to(way[1], bool(self._cuts[way]))

    def _slow_down(self, fault):
        host = self._cluster.hosts[fault.target]
        return lambda: host.limit_rate(_SLOW_KILOBITS), lambda: host.limit_rate(None)

    def _reset_connections(self, fault):
        return self._cluster.hosts[fault.target].reset_connections, None

    def _fill(self, _):
        disk = self._cluster.disk
        return disk.fill, disk.make_room


def _signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
