"""Every test is in one share."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

from tests import sharding

_PROGRAM = textwrap.dedent(
    """
    import unittest
    from tests import sharding

    class FirstTest(unittest.TestCase):
        def test_a(self):
            print("a")

        def test_b(self):
            print("b")

    class SecondTest(unittest.TestCase):
        def test_c(self):
            print("c")

        def test_d(self):
            self.fail("d")

    sharding.main()
    """
)


class ShardingTest(unittest.TestCase):
    def run_share(self, **environment):
        inherited = {key: text for key, text in os.environ.items() if "SHARD" not in key}
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            check=False,
            env={**inherited, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_each_test_is_in_one_share(self):
        shares = [sharding.share_of("abcdefg", index, 3) for index in range(3)]
        self.assertEqual(shares, [["a", "d", "g"], ["b", "e"], ["c", "f"]])

    def test_without_shares_all_run(self):
        done = self.run_share()
        self.assertEqual(done.stdout.split(), ["a", "b", "c"])
        self.assertIn("FAILED (failures=1)", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_a_share_runs_its_own_and_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            told = pathlib.Path(folder, "told")
            environment = {"TEST_TOTAL_SHARDS": "2", "TEST_SHARD_STATUS_FILE": str(told)}
            first = self.run_share(TEST_SHARD_INDEX="0", **environment)
            second = self.run_share(TEST_SHARD_INDEX="1", **environment)
            self.assertTrue(told.exists())
        self.assertEqual((first.stdout.split(), first.returncode), (["a", "c"], 0), first.stderr)
        self.assertEqual((second.stdout.split(), second.returncode), (["b"], 1), second.stderr)


if __name__ == "__main__":
    unittest.main()
