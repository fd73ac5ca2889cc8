"""Measures what a fleet costs one etcd and one balancer: many registrations, most of them alone.

    bazel run //tests/etcd:crowd -- --servers=1000 --seconds=30

The servers are one process's (crowd.cc), the code that writes them is the processor's own.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time
import unittest

from tests import harness
from tests.etcd import etcd

CROWD = "tests/etcd/crowd_of_servers"


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
    fields = fields.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Crowd(etcd.EtcdTest):
    """One run: the crowd comes, stays and leaves."""

    count = 50
    seconds = 3

    def come_and_go(self, busy):
        registry = self.etcd()
        balancer = self.reader(registry)
        target = self.processor()
        member = registry.members[0]
        before = cpu_seconds(member)
        crowd = subprocess.Popen(  # pylint: disable=consider-using-with
            [
                harness.runfile(CROWD),
                f"--registry={registry.url}",
                f"--servers={self.count}",
                f"--address={target.grpc}",
                f"--busy={str(busy).lower()}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # A line for each.
            text=True,
        )
        self.addCleanup(crowd.kill)
        began = time.monotonic()
        registered = float(crowd.stdout.readline().split()[1])
        harness.eventually(
            lambda: len(self.serving(balancer)) == self.count, "the balancer has them", 60
        )
        found = time.monotonic() - began
        storm = cpu_seconds(member) - before
        figures = {
            "all registered after": f"{registered:.2f} s",
            "all served by the balancer after": f"{found:.2f} s",
            "etcd's CPU for that": f"{storm:.2f} s",
        }
        figures.update(self._stay(member, balancer))
        crowd.stdin.close()
        left, writes, lost, failures = crowd.stdout.readline().split()[1::2]
        harness.eventually(lambda: not self.servers_of(balancer), "all are gone", 30)
        crowd.wait(60)
        figures["all gone after"] = f"{float(left):.2f} s"
        figures["records written"] = writes
        figures["etcd's memory"] = f"{resident_mib(member):.0f} MiB"
        figures["leases lost"] = lost
        figures["requests that failed"] = failures
        return figures

    def servers_of(self, balancer):
        return balancer.metric("msgproc_balancer_registry_records")

    def _stay(self, member, balancer):
        processes = {"etcd": member, "balancer": balancer}
        before = {name: cpu_seconds(process) for name, process in processes.items()}
        disk = self._written(member)
        time.sleep(self.seconds)
        figures = {
            f"{name}'s CPU": f"{(cpu_seconds(p) - before[name]) / self.seconds:.3f} cores"
            for name, p in processes.items()
        }
        figures["etcd writes"] = f"{(self._written(member) - disk) / self.seconds / 1024:.0f} KiB/s"
        return figures

    def _written(self, member):
        for line in pathlib.Path(f"/proc/{member.pid}/io").read_text(encoding="utf-8").split("\n"):
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        return 0

    def test_idle(self):
        self._print("idle", self.come_and_go(busy=False))

    def test_busy(self):
        self._print("busy", self.come_and_go(busy=True))

    def _print(self, kind, figures):
        print(f"{self.count} servers, {kind}:")
        for name, value in figures.items():
            print(f"  {name}: {value}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    options, rest = parser.parse_known_args()
    Crowd.count, Crowd.seconds = options.servers, options.seconds
    unittest.main(module=__name__, argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
