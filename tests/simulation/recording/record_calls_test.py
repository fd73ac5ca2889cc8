"""That nothing is left unrecorded which is named."""

import pathlib
import unittest

import record_calls


class RecordCallsTest(unittest.TestCase):
    def test_every_call_that_is_named_is_recorded(self):
        for machine in record_calls.MACHINES:
            texts = {
                file: pathlib.Path(file).read_text(encoding="utf-8")
                for file in (machine.header, machine.source)
            }
            self.assertEqual(record_calls.unrecorded(machine, texts), set(), machine.name)

    def test_a_file_of_nobodys_is_refused(self):
        with self.assertRaises(record_calls.Gone):
            record_calls.recorded("client/destination.cc", "")

    def test_a_decision_that_is_gone_is_an_error(self):
        header = record_calls.MACHINES[0].header
        with self.assertRaises(record_calls.Gone):
            record_calls.recorded(header, "class ConnectionState {};\n")


if __name__ == "__main__":
    unittest.main()
