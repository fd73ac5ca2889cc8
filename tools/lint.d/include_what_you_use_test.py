"""What is a use without its header, and what is not."""

import unittest

import include_what_you_use as lint


def wanted(text, header_text=""):
    return [(name, headers[0]) for _, name, headers in lint.missing(text, header_text)]


class IncludeWhatYouUseTest(unittest.TestCase):
    def test_a_name_wants_its_header(self):
        for use, header in (
            ("std::string a;", "string"),
            ("std::vector<int> a;", "vector"),
            ("f(std::move(a));", "utility"),
            ("uint64_t a = 0;", "cstdint"),
            ("std::uint64_t a = 0;", "cstdint"),
            ("std::optional<int> a;", "optional"),
            ("std::unique_ptr<int> a;", "memory"),
            ("std::function<void()> a;", "functional"),
            ("std::sort(a, b);", "algorithm"),
            ("std::atomic<int> a;", "atomic"),
            ("void f(size_t a);", "cstddef"),
            ("if (errno == 0) f();", "cerrno"),
        ):
            with self.subTest(use=use):
                self.assertEqual([found for _, found in wanted(use)], [header])
                self.assertEqual(wanted(f"#include <{header}>\n{use}"), [])
                self.assertEqual(len(wanted(f"#include <ios>\n{use}")), 1)

    def test_its_own_header_counts(self):
        self.assertEqual(wanted("std::string a;", "#include <string>\n"), [])

    def test_a_header_of_c_counts_for_its_names(self):
        self.assertEqual(wanted("#include <signal.h>\nkill(0, SIGTERM);"), [])

    def test_any_header_that_the_standard_names_counts(self):
        self.assertEqual(wanted("#include <vector>\nf(std::begin(a));"), [])
        self.assertEqual(wanted("#include <cstring>\nsize_t a;"), [])

    def test_comments_strings_and_other_namespaces_are_no_uses(self):
        self.assertEqual(wanted("// std::string\n/* size_t\n */ f(\"std::vector\", R\"(errno)\");"), [])
        self.assertEqual(wanted("client::size_t a; b.errno; mystd::string c;"), [])
        self.assertEqual(wanted("f('\"'); g('\\''); // std::string"), [])

    def test_a_use_behind_a_string_or_a_number_is_seen(self):
        self.assertEqual(wanted("f(\"//\", std::string());"), [("std::string", "string")])
        self.assertEqual(wanted("f(1'000, std::string(), 1'000);"), [("std::string", "string")])

    def test_a_line_is_named_once_for_a_name(self):
        self.assertEqual([line for line, _, _ in lint.missing("\nstd::string a;\nstd::string b;\n")], [2])

    def test_a_name_that_no_list_has_is_a_finding(self):
        self.assertEqual(list(lint.missing("std::flat_hash_map a;")), [(1, "std::flat_hash_map", [])])

    def test_mending_leaves_nothing(self):
        for text in (
            '#include "wire/a.h"\n\nstd::string a; size_t b;\n',
            "#ifndef A_H_\n#define A_H_\n\nstd::string a; size_t b;\n#endif\n",
            "std::string a; size_t b;\n",
        ):
            with self.subTest(text=text):
                headers = {header for _, header in wanted(text)}
                self.assertEqual(wanted(lint.mended(text, headers)), [])


if __name__ == "__main__":
    unittest.main()
