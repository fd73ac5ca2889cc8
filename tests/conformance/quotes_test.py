"""The rules that cases quote are the contract's own words."""

import unittest

from conformance import case as cases
from conformance import failure, protocol


class QuotesTest(unittest.TestCase):
    def test_every_quote_stands_in_the_contract(self):
        contract = protocol.contract_text()
        for case in (*cases.CLIENTS.load().cases.values(), *cases.SERVERS.load().cases.values()):
            self.assertGreater(len(case.quote), 15, case.name)
            self.assertIn(case.quote, contract, case.name)
        for rule, quote in failure.QUOTES.items():
            self.assertIn(quote, contract, rule)

    def test_there_are_as_many_cases_as_the_documentation_says(self):
        self.assertGreater(len(cases.CLIENTS.load().cases), 100)


if __name__ == "__main__":
    unittest.main()
