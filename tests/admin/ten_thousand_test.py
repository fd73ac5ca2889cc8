"""More sessions than a page has, of which all are listed while they work."""

import signal
import unittest

from tests import harness
from tests.admin import ctl_case

_SESSIONS = 10_100


class TenThousandTest(ctl_case.CtlCase):
    def test_all_are_listed_once_again_and_again_and_no_message_fails(self):
        processor = self.served()
        load = self.loadgen(
            f"--target={processor.grpc}",
            *("--connections=101", "--streams_per_connection=100"),
            *("--rate=1000", "--duration=10m", "--stall_timeout=2m"),
        )
        harness.eventually(
            lambda: int(self.ctl_json("status")["sessionsAttached"]) == _SESSIONS,
            "all are there",
            seconds=120,
        )
        answered = int(self.ctl_json("status")["messages"])
        for flags in ((), ("--sort=unread",), ("--sort=memory",), ()):
            # In the order of ids nothing changes its place.
            listed = self.ctl_json("ls", *flags)
            ids = [session["sessionId"] for session in listed["sessions"]]
            self.assertEqual(listed["total"], str(_SESSIONS))
            self.assertEqual(listed["matching"], str(_SESSIONS))
            if not flags:
                self.assertEqual(len(ids), _SESSIONS)
                self.assertEqual(len(set(ids)), _SESSIONS)
                self.assertEqual(ids, sorted(ids))
        last = self.ctl("ls", "--n=7").splitlines()
        self.assertEqual(last[-1], f"7 of {_SESSIONS} shown, {_SESSIONS} in all")
        top = self.ctl("top", "--rounds=3", "--interval=200ms")
        self.assertEqual(top.count(f"20 of {_SESSIONS} shown, {_SESSIONS} in all"), 3)
        harness.eventually(
            lambda: int(self.ctl_json("status")["messages"]) > answered, "they work all the time"
        )
        load.signal(signal.SIGINT)
        report = self.assert_all_answered_once(load)
        self.assertEqual(report["interruptions"]["count"], 0)


if __name__ == "__main__":
    unittest.main()
