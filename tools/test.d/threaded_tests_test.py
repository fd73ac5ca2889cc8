"""What counts as starting a thread, and what ThreadSanitizer is therefore asked about."""

import pathlib
import unittest
from unittest import mock

import threaded_tests

_SOURCES = {
    "//a:racy.cc": "#include <thread>\n",
    "//a:pure.cc": "#include <vector>\n",
    "//a:notes.md": "#include <thread>\n",
    "@system//:elsewhere.h": "#include <thread>\n",
}


class StartsThreadsTest(unittest.TestCase):
    def test_headers_with_which_threads_are_started(self):
        for line in (
            "#include <thread>",
            "  #  include <future>",
            "#include <pthread.h>",
            "#include <grpcpp/channel.h>",
            "#include <grpc/grpc.h>",
            "#include <microhttpd.h>",
            '#include "benchmark/benchmark.h"',
            '#include "msgproc/v1/processor.grpc.pb.h"',
        ):
            with self.subTest(line):
                self.assertTrue(threaded_tests.starts_threads(f"// First.\n{line}\n"))

    def test_others(self):
        for line in (
            "#include <vector>",
            "#include <atomic>",
            '#include "common/threads.h"',
            '#include "msgproc/v1/processor.pb.h"',
            "// #include <thread>",
        ):
            with self.subTest(line):
                self.assertFalse(threaded_tests.starts_threads(f"{line}\n"))


class ThreadedTestsTest(unittest.TestCase):
    def test_those_that_stand_on_a_source_or_a_library_with_threads(self):
        asked = []

        def query(expression):
            asked.append(expression)
            return list(_SOURCES) if expression.startswith("kind") else ["//a:z", "//a:b"]

        def path_of(label):
            path = mock.create_autospec(pathlib.Path, instance=True)
            path.read_text.return_value = _SOURCES[label]
            return path if label.startswith("//") else None

        with (
            mock.patch.object(threaded_tests, "_query", query),
            mock.patch.object(threaded_tests, "_path", path_of),
        ):
            self.assertEqual(threaded_tests.threaded_tests(["//a/...", "//b"]), ["//a:b", "//a:z"])
        self.assertEqual(asked[0], "kind('source file', deps(//a/... + //b))")
        tests, threads = asked[1].split("set(")
        self.assertEqual(tests, "tests(//a/... + //b) intersect rdeps(//a/... + //b, ")
        self.assertEqual(
            threads.rstrip(")").split(),
            [
                "//a:racy.cc",
                "'@system//:benchmark'",
                "'@system//:grpc++'",
                "'@system//:microhttpd'",
                "'@system//:prometheus'",
                "'@system//:prometheus_pull'",
            ],
        )


if __name__ == "__main__":
    unittest.main()
