"""What is seen of a run while it goes on: throughput, memory, descriptors."""

import contextlib
import os
import pathlib

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class Looks:
    """Appends to a record: each second the results that came, and usage now and then."""

    def __init__(self, fleet, clients, every):
        """`every`: seconds between two looks at memory and descriptors."""
        self._fleet = fleet
        self._clients = clients
        self._every = every
        self._next_second = 1
        self._next_usage = 0
        # Results by client, a list of seconds each.
        self.results = {client.name: [] for client in clients}
        # {"at": seconds, "of": {name: [resident KiB, descriptors, processes]}}
        self.usage = []

    def __call__(self, now):
        if now >= self._next_second:
            # Where a second was missed, what came in it is in this one.
            missed = int(now) - self._next_second
            self._next_second = int(now) + 1
            for client in self._clients:
                self.results[client.name] += [0] * missed + [client.new_results()]
        if now >= self._next_usage:
            self._next_usage += self._every
            self.usage.append({"at": round(now, 2), "of": self._usage()})

    def answered(self):
        """Returns the results of each second, of all clients."""
        return [sum(second) for second in zip(*self.results.values())]

    def _usage(self):
        groups = {name: member.pids() for name, member in self._fleet.members.items()}
        for name, member in self._fleet.members.items():
            if name.startswith("p") and (workers := member.workers()):
                groups[f"{name}'s workers"] = workers
        return {name: [sum(each) for each in zip(*map(_of, pids))] for name, pids in groups.items()}


def _of(pid):
    """Returns (resident KiB, descriptors, 1); zeros for one that is gone."""
    with contextlib.suppress(OSError, ValueError):
        process = pathlib.Path(f"/proc/{pid}")
        resident = int((process / "statm").read_text(encoding="ascii").split()[1]) * _PAGE_KIB
        return resident, len(os.listdir(process / "fd")), 1
    return 0, 0, 0


def recoveries(answered, faults, usual):
    """Returns of each fault after how many seconds results came as usual again.

    0: they always did. None: they did not, to the end. What comes in a second is compared with
    `usual`; less than two thirds is a dip, and due to the last fault that had begun by then,
    unless all were over for two seconds. Two seconds that are better are its end.

    Args:
      answered: results by second.
    """
    enough = usual * 2 / 3
    found = [0] * len(faults)
    second = 0
    while second < len(answered):
        to_blame = [
            i
            for i, fault in enumerate(faults)
            if fault.at < second + 1 and second <= fault.until + 2
        ]
        if answered[second] >= enough or not to_blame:
            second += 1
            continue
        fault = to_blame[-1]
        while second < len(answered) and min(answered[second : second + 2]) < enough:
            second += 1
        over = second < len(answered)
        found[fault] = round(second - faults[fault].at, 1) if over else None
    return found
