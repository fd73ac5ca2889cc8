"""A seed's timeline is the same each time, and keeps its promises."""

import itertools
import unittest

from tests.chaos import nemesis

_SEEDS = range(60)
_SECONDS = 300


class NemesisTest(unittest.TestCase):
    def test_a_seed_repeats_its_timeline(self):
        for seed in _SEEDS:
            self.assertEqual(nemesis.timeline(seed, 60), nemesis.timeline(seed, 60))
        self.assertNotEqual(nemesis.timeline(1, 60), nemesis.timeline(2, 60))

    def test_faults_come_by_time_and_end_before_the_quiet_at_the_end(self):
        for seed in _SEEDS:
            faults = nemesis.timeline(seed, _SECONDS)
            self.assertEqual(faults, sorted(faults, key=lambda fault: fault.at))
            self.assertGreater(faults[0].at, 0)
            for fault in faults:
                self.assertLess(fault.until, _SECONDS - nemesis.QUIET_SECONDS)

    def test_nothing_is_under_two_faults(self):
        for seed in _SEEDS:
            for one, other in itertools.combinations(nemesis.timeline(seed, _SECONDS), 2):
                if one.target == other.target and one.seconds and other.seconds:
                    self.assertLess(one.until, other.at, f"seed {seed}: {one}; {other}")

    def test_nobody_is_under_a_fault_in_a_deploy(self):
        for seed in _SEEDS:
            faults = nemesis.timeline(seed, _SECONDS)
            for deploy in (fault for fault in faults if fault.kind == "deploy"):
                for other in faults:
                    if other.target in ("p1", "p2", "p3"):
                        self.assertTrue(
                            other.at > deploy.until or deploy.at > other.until,
                            f"seed {seed}: {deploy}; {other}",
                        )

    def test_every_kind_comes(self):
        for kinds in (nemesis.FLEET, nemesis.ONE_FILE):
            for seed in range(20):
                came = {fault.kind for fault in nemesis.timeline(seed, _SECONDS, kinds)}
                self.assertEqual(came, {kind.name for kind in kinds}, f"seed {seed}")

    def test_every_target_and_peer_comes_sometime(self):
        came = set()
        for seed in _SEEDS:
            for fault in nemesis.timeline(seed, _SECONDS):
                came.add((fault.kind, fault.target, fault.peer))
        for kind in nemesis.FLEET:
            for target, peer in itertools.product(kind.targets, kind.peers or ("",)):
                self.assertIn((kind.name, target, peer), came)

    def test_they_are_as_frequent_as_asked(self):
        for every in (2, 5):
            count = sum(len(nemesis.timeline(seed, _SECONDS, every=every)) for seed in _SEEDS)
            seconds = len(_SEEDS) * (_SECONDS - nemesis.QUIET_SECONDS)
            # Some are left out, where they would collide.
            self.assertLess(every, seconds / count)
            self.assertLess(seconds / count, 2 * every)

    def test_a_fault_says_what_it_is(self):
        self.assertEqual(str(nemesis.Fault(1, "kill", "p1", 2.5)), "kill p1 for 2.5 s")
        self.assertEqual(str(nemesis.Fault(1, "reload", "nginx", 0)), "reload nginx")
        self.assertEqual(
            str(nemesis.Fault(1, "cut one way", "p1", 3, "store")),
            "cut one way p1 to store for 3.0 s",
        )


if __name__ == "__main__":
    unittest.main()
