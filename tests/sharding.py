"""A module's tests in shares that run at the same time.

A target with `shard_count` calls main() in place of unittest.main(): Bazel starts it so many
times at once, and each share takes its part of the tests. Without, all of them run.
"""

import os
import pathlib
import unittest


def share_of(tests, index, total):
    """Returns every `total`th of the tests, from `index` on; neighbours go to different shares."""
    return [test for at, test in enumerate(tests) if at % total == index]


def _flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


class _Loader(unittest.TestLoader):
    def __init__(self, index, total):
        super().__init__()
        self._index = index
        self._total = total

    def loadTestsFromModule(self, module, *arguments, **options):
        found = super().loadTestsFromModule(module, *arguments, **options)
        return self.suiteClass(share_of(_flat(found), self._index, self._total))


def main():
    """Runs this share of the tests of __main__, and ends the program."""
    if says_so := os.environ.get("TEST_SHARD_STATUS_FILE"):
        # Without it Bazel thinks that each share has run all tests.
        pathlib.Path(says_so).touch()
    index = int(os.environ.get("TEST_SHARD_INDEX", "0"))
    total = int(os.environ.get("TEST_TOTAL_SHARDS", "1"))
    unittest.main(module="__main__", testLoader=_Loader(index, total))
