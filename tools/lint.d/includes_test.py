"""The layout's rules, each on a fault that breaks it."""

import unittest

import includes


def wrong(path, text, **others):
    """What is found in a tree of `path` with `text`, and other files."""
    files = {path: text}
    files.update(others)
    return [what for _, _, what in includes.findings(files)]


class IncludesTest(unittest.TestCase):
    def test_downwards_and_sideways_is_fine(self):
        self.assertEqual(
            wrong(
                "services/processor/stream/a.cc",
                '#include "services/processor/stream/a.h"\n#include "services/processor/session/b.h"\n'
                '#include "services/base/c.h"\n#include "wire/d.h"\n#include "common/e.h"\n'
                '#include "msgproc/v1/processor.pb.h"\n#include "absl/strings/str_cat.h"\n',
            ),
            [],
        )

    def test_nothing_includes_upwards(self):
        for path, include, says in (
            ("client/a.cc", "services/base/b.h", "client knows nothing of services/base"),
            ("client/a.cc", "services/processor/session/b.h", "knows nothing of services/processor/session"),
            ("common/a.h", "wire/b.h", "common knows nothing of wire"),
            ("common/a.h", "msgproc/v1/processor.pb.h", "common knows nothing of proto"),
            ("wire/a.h", "client/b.h", "wire knows nothing of client"),
            ("services/base/a.h", "services/processor/server.h", "base knows nothing of services/processor"),
            ("services/base/a.h", "services/balancer/fleet.h", "base knows nothing of services/balancer"),
            ("services/balancer/a.h", "services/processor/flags.h", "balancer knows nothing of services/processor"),
            ("services/processor/server.h", "tools/files/b.h", "knows nothing of tools/files"),
            ("services/processor/session/a.h", "services/processor/stream/b.h", "nothing of services/processor/stream"),
            ("services/processor/session/a.h", "services/processor/server.h", "nothing of services/processor"),
            ("services/processor/stream/a.h", "services/processor/workers/b.h", "of services/processor/workers"),
            ("services/processor/executors/a.h", "services/processor/session/b.h", "of services/processor/session"),
            ("services/processor/handlers/a.h", "services/processor/executors/b.h", "services/processor/executors"),
            ("tools/loadgen/plan/a.h", "tools/loadgen/report/b.h", "plan knows nothing of tools/loadgen/report"),
            ("tools/loadgen/stats/a.h", "tools/loadgen/load_run.h", "stats knows nothing of tools/loadgen"),
            ("services/processor/server.cc", "benchmarks/raw_echo.h", "knows nothing of benchmarks"),
        ):
            with self.subTest(path=path, include=include):
                found = wrong(path, f'#include "{include}"\n')
                self.assertEqual(len(found), 1)
                self.assertIn(says, found[0])

    def test_the_product_includes_no_test_code(self):
        text = '#include "client/testing/fake.h"\n'
        self.assertIn("is for tests", wrong("client/a.cc", text)[0])
        self.assertEqual(wrong("client/a_test.cc", text), [])
        self.assertEqual(wrong("client/testing/b.cc", text), [])

    def test_tests_include_from_anywhere(self):
        self.assertEqual(wrong("client/a_test.cc", '#include "services/processor/server.h"\n'), [])

    def test_a_new_folder_takes_its_place_in_the_order(self):
        self.assertIn("does not know", wrong("services/gateway/a.h", "namespace msgproc::gateway {\n")[0])

    def test_the_namespace_is_the_first_folder_that_has_a_meaning(self):
        for path, namespace in (
            ("client/a.h", "msgproc::client"),
            ("services/base/a.h", "msgproc::base"),
            ("services/processor/session/a.h", "msgproc::processor"),
            ("services/processor/workers/testing/a.h", "msgproc::processor"),
            ("tools/loadgen/plan/a_test.cc", "msgproc::loadgen"),
            ("common/a.h", "msgproc"),
            ("common/a.h", "msgproc::internal"),
        ):
            with self.subTest(path=path):
                self.assertEqual(wrong(path, f"namespace {namespace} {{\n"), [])
        for path, namespace in (
            ("client/a.h", "msgproc"),
            ("client/a.h", "msgproc::wire"),
            ("services/processor/session/a.h", "msgproc::session"),
            ("client/a_test.cc", "msgproc::clients"),
            ("common/a.h", "msgproc::client"),
        ):
            with self.subTest(path=path, namespace=namespace):
                self.assertIn("its folder says", wrong(path, f"namespace {namespace} {{\n")[0])

    def test_a_file_has_four_hundred_lines_at_most(self):
        self.assertEqual(wrong("wire/a.cc", "\n" * 400), [])
        self.assertIn("401 lines", wrong("wire/a.cc", "\n" * 401)[0])
        self.assertEqual(wrong("wire/a_test.cc", "\n" * 401), [])

    def test_a_class_is_defined_in_one_file(self):
        files = {
            "wire/a.h": "class Log final : public Base {\n",
            "wire/a.cc": "Log::Log() {\n",
            "wire/a_more.cc": "absl::StatusOr<std::string> Log::Read(\n",
        }
        self.assertEqual(
            list(includes.findings(files)), [("wire/a_more.cc", 1, "defines Log, and so does wire/a.cc")]
        )

    def test_nested_classes_and_namesakes_elsewhere_are_not_one_class(self):
        files = {
            "wire/a.h": "class Log {\n",
            "wire/a.cc": "void Log::Add(\n",
            "wire/b.h": "class Other {\n",
            "wire/b.cc": "Other::Log::Log() {\nbool x = Log::Is();\n  Log::Do();\n",
            "client/a.h": "class Log {\n",
            "client/a.cc": "void Log::Add(\n",
        }
        self.assertEqual(list(includes.findings(files)), [])

    def test_the_client_locks_by_scope(self):
        self.assertIn("locks by hand", wrong("client/a.cc", "  lock.Unlock();\n")[0])
        self.assertIn("locks by hand", wrong("client/a.cc", "  mutex_->Lock();\n")[0])
        self.assertEqual(wrong("client/a_test.cc", "  lock.Unlock();\n"), [])


if __name__ == "__main__":
    unittest.main()
