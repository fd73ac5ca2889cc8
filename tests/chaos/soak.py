"""Chaos for as long as you like, with a report. Started by tools/soak, which says how."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sys

from tests.durability import mounts
from tests.fleet import networks

_UNITS = {"s": 1, "m": 60, "h": 3600}
_PROGRESS_SECONDS = 10


def _seconds(text):
    """Returns what a duration such as 90m or 1h30m comes to."""
    if not re.fullmatch(r"(\d+[smh])+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 90m or 1h30m")
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smh])", text))


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/soak")
    parser.add_argument("--duration", type=_seconds, default=_seconds("90m"))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--rate", type=float, default=240, help="messages a second")
    parser.add_argument("--every", type=float, default=4, help="seconds between two faults")
    parser.add_argument("--sqlite", action="store_true", help="one processor, on SQLite")
    return parser.parse_args()


class _Progress:
    """A line each ten seconds."""

    def __init__(self, say, seconds):
        self._say = say
        self._seconds = seconds
        self._next = _PROGRESS_SECONDS

    def __call__(self, now, look):
        if now < self._next:
            return
        self._next += _PROGRESS_SECONDS
        answered = look.answered()
        last = answered[-_PROGRESS_SECONDS:]
        resident = sum(of[0] for of in look.usage[-1]["of"].values()) // 1024
        self._say(
            f"{now:7.1f} s of {self._seconds}: {sum(answered)} answered,"
            f" {sum(last) / max(len(last), 1):.0f}/s, {resident} MiB"
        )


def main():
    arguments = _arguments()
    if arguments.seed is None:
        arguments.seed = random.randrange(1, 1_000_000)
        # It is started anew in its namespaces.
        sys.argv.append(f"--seed={arguments.seed}")
    if arguments.out is None:
        arguments.out = pathlib.Path(f"soak-{arguments.seed}")
    for folder in ("logs", "journals"):
        (arguments.out / folder).mkdir(parents=True, exist_ok=True)
    os.environ["TEST_UNDECLARED_OUTPUTS_DIR"] = str((arguments.out / "logs").resolve())
    why_not = mounts.enter_own_namespace() or networks.enter_own_namespace()
    if why_not:
        sys.exit(f"tools/soak: no namespaces here: {why_not}")
    sys.exit(_soak(arguments))


def _soak(arguments):
    # They take where to write from the environment.
    from tests.chaos import run, soak_page  # pylint: disable=import-outside-toplevel

    with contextlib.ExitStack() as exits:
        story = exits.enter_context(open(arguments.out / "timeline", "w", encoding="utf-8"))

        def say(line):
            print(line, flush=True)
            print(line, file=story, flush=True)

        plan = run.Plan(
            seed=arguments.seed,
            seconds=arguments.duration,
            in_one_file=arguments.sqlite,
            rate=arguments.rate,
            every=arguments.every,
            look_every=max(1, arguments.duration / 1000),
        )
        say(f"seed {plan.seed}, {plan.seconds} s, logs in {arguments.out / 'logs'}")
        one = run.Run(plan, arguments.out / "journals", say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: one.stop())
        good = one.execute(_Progress(say, plan.seconds))
        for finding in one.findings:
            say(finding)
        (arguments.out / "report.json").write_text(
            json.dumps(one.record, indent=1), encoding="utf-8"
        )
        (arguments.out / "report.html").write_text(soak_page.page(one.record), encoding="utf-8")
        say(
            f"{one.record['answered']} messages, {len(one.record['faults'])} faults:"
            f" {'nothing is wrong' if good else f'{len(one.findings)} FINDINGS'}"
        )
        say(f"{arguments.out / 'report.html'}")
    return 0 if good else 1


if __name__ == "__main__":
    main()
