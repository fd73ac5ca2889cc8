"""What is installed of the headers."""

import unittest

import pack

_HEADERS = {
    "client/stream.h": '#include <string>\n\n#include "absl/time/time.h"\n#include "client/event.h"\n',
    "client/event.h": '#include "wire/frame.h"\n',
    "client/hidden.h": '#include "client/stream.h"\n',
    "wire/frame.h": '#include "client/event.h"\n// #include "client/hidden.h"\n',
}


class NeededHeadersTest(unittest.TestCase):
    def test_what_a_public_header_needs_comes_along_and_nothing_else(self):
        needed = pack.needed_headers(["client/stream.h"], _HEADERS)
        self.assertEqual(set(needed), {"client/stream.h", "client/event.h", "wire/frame.h"})

    def test_ours_are_included_by_where_they_are_installed_and_others_as_they_were(self):
        needed = pack.needed_headers(["client/stream.h"], _HEADERS)
        self.assertEqual(
            needed["client/stream.h"],
            '#include <string>\n\n#include "absl/time/time.h"\n'
            '#include "msgproc/client/event.h"\n',
        )

    def test_a_public_header_that_no_library_has_is_an_error(self):
        with self.assertRaises(KeyError):
            pack.needed_headers(["client/none.h"], _HEADERS)


if __name__ == "__main__":
    unittest.main()
