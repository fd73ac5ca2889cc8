"""tools/cluster: the models under one command, and nothing left behind."""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import tempfile
import unittest
import urllib.request

from tests import harness

_CLUSTER = "tools/cluster/cluster"


class Cluster(harness.Process):
    """Serves when the constructor returns."""

    def __init__(self, *flags):
        folder = tempfile.mkdtemp(prefix="cluster-")
        self._address_file = pathlib.Path(folder, "addresses")
        super().__init__(
            [harness.runfile(_CLUSTER), f"--address_file={self._address_file}", *flags], "cluster"
        )
        lines = harness.eventually(self._written, "the cluster serves", 60)
        self.loadgen_flag = f"--{lines[0]}"

    def _written(self):
        if not self.running():
            raise AssertionError(self.describe("ended before it served"))
        with contextlib.suppress(FileNotFoundError):
            return self._address_file.read_text(encoding="utf-8").splitlines()
        return None


def _gone(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True
    # A zombie waits for a parent that the sandbox may not have.
    return stat.rsplit(")", 1)[1].split()[0] == "Z"


def _descendants(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *_descendants(child)]
    return found


class ClusterTest(harness.ProcessTest):
    def cluster(self, *flags):
        return self.keep(Cluster(*flags))

    def _passes_the_stress_test_and_leaves_nothing(self, messages, *flags):
        cluster = self.cluster(*flags)
        load = self.loadgen(cluster.loadgen_flag, f"--n={messages}", "--connections=6")
        report = self.assert_all_answered_once(load, messages)
        started = _descendants(cluster.pid)
        self.assertTrue(started)
        self.assertEqual(cluster.stop(60), 0, cluster.describe("did not stop cleanly"))
        harness.eventually(lambda: all(map(_gone, started)), "every process is gone")
        return report

    def test_model_1(self):
        report = self._passes_the_stress_test_and_leaves_nothing(3_000, "--model=1")
        self.assertEqual(len(report["servers"]), 1)

    def test_model_2(self):
        report = self._passes_the_stress_test_and_leaves_nothing(6_000, "--model=2")
        self.assertEqual(len(report["servers"]), 1)

    def test_model_3(self):
        report = self._passes_the_stress_test_and_leaves_nothing(10_000, "--model=3")
        self.assertEqual(len(report["servers"]), 3)

    def test_model_3_with_workers(self):
        self._passes_the_stress_test_and_leaves_nothing(
            10_000, "--model=3", "--processors=2", "--workers=1"
        )

    def test_model_4(self):
        report = self._passes_the_stress_test_and_leaves_nothing(10_000, "--model=4")
        self.assertEqual(len(report["servers"]), 3)

    def test_model_4_passed_through(self):
        report = self._passes_the_stress_test_and_leaves_nothing(
            10_000, "--model=4", "--processors=2", "--pass_through"
        )
        self.assertEqual(len(report["servers"]), 2)

    def test_model_4_with_workers(self):
        self._passes_the_stress_test_and_leaves_nothing(
            10_000, "--model=4", "--processors=2", "--workers=1"
        )

    def test_what_it_prints_is_how_to_reach_it(self):
        for model, processors in ((1, 1), (3, 2), (4, 2)):
            cluster = self.cluster(f"--model={model}", "--processors=2", "--handler=uppercase")
            printed = cluster.output()
            (flag,) = re.findall(r"loadgen -- (--\S+) ", printed)
            load = self.loadgen(flag, "--handler=uppercase", "--n=100")
            self.assert_all_answered_once(load, 100)
            pages = re.findall(r"^  processor-\d .* http://(\S+)/metrics ", printed, re.MULTILINE)
            self.assertEqual(len(pages), processors)
            for address in pages:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
                    self.assertIn("msgproc_build_info", page.read().decode())
            cluster.kill()

    def test_ctrl_c_takes_everything_down(self):
        cluster = self.cluster("--model=4", "--processors=2")
        started = _descendants(cluster.pid)
        cluster.signal(signal.SIGINT)
        self.assertEqual(cluster.wait(60), 0, cluster.describe("did not stop cleanly"))
        self.assertTrue(all(map(_gone, started)))

    def test_everything_goes_when_the_parent_of_the_cluster_is_killed(self):
        folder = tempfile.mkdtemp(prefix="cluster-")
        addresses = pathlib.Path(folder, "addresses")
        command = [harness.runfile(_CLUSTER), "--model=3", f"--address_file={addresses}"]
        # Somebody's script with a cluster in the background.
        parent = self.keep(
            harness.Process(["/bin/sh", "-c", f"{shlex.join(command)} & wait"], "parent")
        )
        harness.eventually(addresses.exists, "the cluster serves", 60)
        started = _descendants(parent.pid)
        # The cluster, its balancer, three processors.
        self.assertEqual(len(started), 5)
        parent.kill()
        harness.eventually(lambda: all(map(_gone, started)), "every process is gone")

    def test_everything_goes_when_the_cluster_is_killed(self):
        cluster = self.cluster("--model=4")
        started = _descendants(cluster.pid)
        # NGINX with at least one worker, and three processors.
        self.assertGreaterEqual(len(started), 5)
        cluster.kill()
        harness.eventually(lambda: all(map(_gone, started)), "every process is gone")

    def test_a_processor_that_dies_is_named_and_ends_the_cluster(self):
        cluster = self.cluster("--model=1")
        (processor,) = _descendants(cluster.pid)
        os.kill(processor, signal.SIGKILL)
        self.assertEqual(cluster.wait(), 1)
        self.assertIn("processor-1 ended with exit code 137", cluster.output())
        folder = re.search(r"The logs are in (\S+)", cluster.output()).group(1)
        self.assertIn("serving", pathlib.Path(folder, "processor-1.log").read_text(encoding="utf-8"))

    def test_a_member_that_is_asked_to_end_leaves_the_others_up_and_comes_back_by_name(self):
        for model, front in ((3, "balancer"), (4, "nginx")):
            logs = pathlib.Path(tempfile.mkdtemp(prefix="logs-"), "new")
            cluster = self.cluster(f"--model={model}", "--processors=2", f"--logs={logs}")
            for name in ("processor-2", front):
                pid = int(re.search(rf"  {name} .* pid (\d+)", cluster.output()).group(1))
                os.kill(pid, signal.SIGTERM)
                self.assert_says(cluster, f"{name} has ended, as it was asked to")
                with open(logs / "control", "w", encoding="utf-8") as control:
                    control.write(f"restart {name}\n")
                self.assert_says(cluster, f"{name} serves again")
            load = self.loadgen(cluster.loadgen_flag, "--n=1000", "--connections=6")
            self.assert_all_answered_once(load, 1000)
            self.assertEqual(cluster.stop(60), 0, cluster.describe("did not stop cleanly"))
            # What the process before the restart wrote is there, too.
            words = (logs / "processor-2.log").read_text()
            self.assertEqual(words.count("draining; a second signal"), 2, words)

    def test_a_running_member_is_restarted_by_name_and_wrong_names_are_said(self):
        cluster = self.cluster("--model=1")
        (before,) = _descendants(cluster.pid)
        folder = re.search(r"into (\S+)/control", cluster.output()).group(1)
        with open(f"{folder}/control", "w", encoding="utf-8") as control:
            control.write("restart processor-9\nrestrat x\nrestart processor-1\n")
        self.assert_says(cluster, "processor-1 serves again")
        self.assert_says(cluster, 'there is no "processor-9"; there are processor-1')
        self.assert_says(cluster, '"restrat x" is no command')
        (after,) = _descendants(cluster.pid)
        self.assertNotEqual(before, after)

    def assert_says(self, cluster, text):
        harness.eventually(lambda: text in cluster.output(), f"the cluster says {text}", 60)

    def test_a_processor_that_does_not_start_is_shown_with_its_own_words(self):
        cluster = self.keep(
            harness.Process([harness.runfile(_CLUSTER), "--handler=none_such"], "cluster")
        )
        self.assertEqual(cluster.wait(), 1)
        self.assertIn("none_such", cluster.output())

    def test_wrong_flags_say_what_is_wrong(self):
        for flag, said in (
            ("--model=5", "--model=5: there are 1, 2, 3 and 4."),
            ("--processors=0", "--processors=0: it takes 1 to 100."),
            ("--pass_through", "--pass_through goes with --model=4."),
        ):
            cluster = self.keep(harness.Process([harness.runfile(_CLUSTER), flag], "cluster"))
            self.assertEqual(cluster.wait(), 2)
            self.assertIn(said, cluster.output())


if __name__ == "__main__":
    unittest.main()
