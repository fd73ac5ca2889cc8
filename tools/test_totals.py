"""Prints "N passed, N failed" from a file of Bazel's build events.

Usage: test_totals.py EVENTS_FILE BAZEL_EXIT_CODE

Counts test targets, and as failed also every target that did not build.
Names the failed ones before the closing line.
"""

import json
import sys

_PASSED = ("PASSED", "FLAKY")


def totals(events):
    """Returns (passed, failed): two sets of labels."""
    passed = set()
    failed = set()
    for event in events:
        ((kind, event_id),) = event["id"].items()
        label = event_id.get("label") if isinstance(event_id, dict) else None
        if kind == "testSummary":
            status = event["testSummary"]["overallStatus"]
            (passed if status in _PASSED else failed).add(label)
        elif kind == "targetCompleted":
            # Bazel leaves false fields out.
            if not event.get("completed", {}).get("success"):
                failed.add(label)
        elif kind == "targetConfigured" and "aborted" in event:
            failed.add(label)
        elif kind == "pattern" and "aborted" in event:
            failed.update(event_id.get("pattern", []))
    return passed - failed, failed


def main(path, exit_code):
    with open(path, encoding="utf-8") as lines:
        passed, failed = totals(json.loads(line) for line in lines if line.strip())
    if exit_code != 0 and not failed:
        failed.add("the build itself")
    for label in sorted(failed):
        print("failed:", label)
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
