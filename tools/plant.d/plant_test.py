"""That the simulation finds what is planted, and finds nothing where nothing is."""

import pathlib
import unittest

import plants
import plant

_PROGRAM = pathlib.Path("tools/plant.d/planted_simulation").absolute()
_HARMLESS = plants.Fault("harmless", "a.cc", "a", "a", "nothing", ("liveness",), seeds=40)


class PlantTest(unittest.TestCase):
    def test_a_harmless_fault_is_reported_as_not_found(self):
        found, others = plant.find(_PROGRAM, 0, _HARMLESS, _HARMLESS.seeds)
        self.assertIsNone(found)
        self.assertIn(
            "NOT FOUND within 40 seeds: a hole to close", plant.line(_HARMLESS, found, others, 0)
        )

    def test_what_another_rule_finds_is_not_found_and_is_told(self):
        number, fault = next(iter(plants.numbered().items()))
        found, others = plant.find(
            _PROGRAM, number, plant.dataclasses.replace(fault, rules=("none",)), 60
        )
        self.assertIsNone(found)
        self.assertIn(f"; but {fault.rules[0]} by seed ", plant.line(fault, found, others, 0))

    def test_every_fault_is_found_by_its_rule(self):
        self.assertEqual(plant.main([f"--program={_PROGRAM}"]), 0, "tools/plant says more")


if __name__ == "__main__":
    unittest.main()
