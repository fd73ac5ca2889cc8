"""Everything fails for a while, and money moves once for each message.

Another run: --test_env=MSGPROC_CHAOS_SEED=7 --test_env=MSGPROC_CHAOS_SECONDS=300.
"""

import os
import tempfile
import unittest

from tests import sharding
from tests.chaos import run
from tests.durability import mounts
from tests.fleet import networks

_NOWHERE = mounts.enter_own_namespace() or networks.enter_own_namespace()
_SEED = int(os.environ.get("MSGPROC_CHAOS_SEED", "1"))
_SECONDS = float(os.environ.get("MSGPROC_CHAOS_SECONDS", "60"))


@unittest.skipIf(_NOWHERE, f"no network namespaces or mounts here: {_NOWHERE}")
class ChaosTest(unittest.TestCase):
    def assert_it_holds(self, **options):
        lines = []

        def say(line):
            print(line, flush=True)
            lines.append(line)

        folder = tempfile.TemporaryDirectory(prefix="chaos-")
        self.addCleanup(folder.cleanup)
        plan = run.Plan(seed=_SEED, **options)
        say(f"seed {plan.seed}, {plan.seconds:.0f} s")
        one = run.Run(plan, folder.name, say)
        if not one.execute():
            end = "\n".join(lines[-15:])
            findings = "\n".join(one.findings)
            logs = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", tempfile.gettempdir())
            self.fail(f"{findings}\nThe timeline's end:\n{end}\nLogs: {logs}")
        print(f"{one.record['answered']} messages, {len(one.record['faults'])} faults")
        self.assertGreater(len(one.record["faults"]), plan.seconds / 10)

    def test_a_fleet_on_postgresql(self):
        self.assert_it_holds(seconds=_SECONDS)

    def test_one_processor_on_sqlite(self):
        self.assert_it_holds(seconds=_SECONDS / 2, in_one_file=True)


if __name__ == "__main__":
    sharding.main()
