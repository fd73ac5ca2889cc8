"""A server that joins gets its share of the sockets that are open."""

import time
import unittest

from tests import harness
from tests.fleet import fleet

_SOCKETS = 64
_EVEN_SECONDS = 10
_EVEN_SHARE = 0.1
_OPENS = "msgproc_processor_session_opens_total"


class RebalanceTest(fleet.FleetTest):
    def even(self, processors):
        """Whether every processor is within a tenth of its fair share."""
        fair = _SOCKETS / len(processors)
        return all(abs(self.sockets(p) - fair) <= _EVEN_SHARE * fair for p in processors)

    def test_a_third_server_has_its_share_of_64_sockets_within_ten_seconds(self):
        balancer = self.balancer()
        processors = self.members(balancer, 2)
        load = self.endless_load(
            [balancer], f"--connections={_SOCKETS}", "--max_outstanding=4"
        )
        self.await_answers(load, processors)
        self.assertEqual(sum(map(self.sockets, processors)), _SOCKETS)

        joined = time.monotonic()
        processors.append(self.member(balancer, "p3"))
        harness.eventually(lambda: self.even(processors), "all three are even", 2 * _EVEN_SECONDS)
        took = time.monotonic() - joined
        print(f"Even after {took:.1f} s: {[self.sockets(p) for p in processors]}")
        harness.assert_in_time(took, _EVEN_SECONDS)

        # And it stays so: what is even is left alone.
        moved = balancer.metric("msgproc_balancer_moves_total")
        self.await_answers(load, processors)
        time.sleep(2 * fleet.REPORT_SECONDS)
        self.assertTrue(self.even(processors), [self.sockets(p) for p in processors])
        self.assertLessEqual(balancer.metric("msgproc_balancer_moves_total") - moved, 2)
        report = self.finish(load)
        self.assertEqual(len(report["servers"]), 3)
        # Moved sockets finish what they have first: nothing waits for a server.
        self.assertLess(report["interruptions"]["longest_ms"], 1000)
        # And what was planned does not look as if something had broken.
        self.assertGreaterEqual(
            processors[2].metric(_OPENS, state="moved"), (1 - _EVEN_SHARE) * _SOCKETS / 3
        )
        self.assertIn("moved_for=rebalance", processors[2].output())
        for processor in processors:
            self.assertEqual(processor.metric(_OPENS, state="lost"), 0)
        for processor in processors[:2]:
            self.assertIn("code=0 why=rebalance", processor.output())
            harness.eventually(
                lambda p=processor: "code=0 why=goodbye" in p.output(), "clients say goodbye"
            )


if __name__ == "__main__":
    unittest.main()
