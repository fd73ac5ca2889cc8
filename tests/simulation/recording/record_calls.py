"""Makes a pure machine tell the recorder of each call of it.

  record_calls.py FILE SOURCE    prints SOURCE, which is FILE of the repository: a machine, its
                                 header, or one of its shells, so that its calls are recorded

The product's sources stay as they are. What is named here and is not there any more is an
error: mend the list.
"""

import dataclasses
import re
import sys

_HERE = "tests/simulation/recording"
_SPACE = "::msgproc::simulation::"


class Gone(Exception):
    """What is named here is not in its file any more, or is there more than once."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A pure class and those that call it, in the product and in the simulation."""

    name: str
    header: str
    source: str
    shells: tuple[str, ...]
    # {method: what it is called in the record, an expression}
    calls: dict[str, str]
    # The method that says what to do, its declaration, and the same, recorded.
    decides: str
    declaration: str
    wrapper: str


_CONNECTION = Machine(
    name="ConnectionState",
    header="client/connection_state.h",
    source="client/connection_state.cc",
    shells=("client/reconnecting_stream.cc", "tests/simulation/client.cc"),
    calls={
        "OnTime": '"OnTime"',
        "OnLocated": 'address.ok() ? "OnLocated(address)" : "OnLocated(error)"',
        "OnFrame": '"OnFrame"',
        "OnReadEnded": '"OnReadEnded"',
        "OnWritten": 'ok ? "OnWritten(ok)" : "OnWritten(failed)"',
        "OnMarkerReached": '"OnMarkerReached"',
        "OnCallEnded": '"OnCallEnded"',
        "Close": '"Close"',
        "OnKept": '"OnKept"',
        "OnAppended": '"OnAppended"',
        "OnCallMade": '"OnCallMade"',
        "OnParsed": 'frame == nullptr ? "OnParsed(nothing)" : "OnParsed(frame)"',
        "OnDelivered": '"OnDelivered"',
    },
    decides="NextAction",
    declaration="  Action NextAction(Role* role, Output* output);",
    wrapper="""
ConnectionState::Action ConnectionState::NextAction(Role* role,
                                                    Output* output) {
  namespace simulation = ::msgproc::simulation;
  simulation::RecordCall(
      this, simulation::kRoles.at(static_cast<size_t>(*role)));
  const Action action = DecideNextAction(role, output);
  simulation::RecordDecision(
      this, simulation::kActions.at(static_cast<size_t>(action.kind)));
  return action;
}
""",
)

_STREAM = Machine(
    name="StreamState",
    header="services/processor/stream/stream_state.h",
    source="services/processor/stream/stream_state.cc",
    shells=("services/processor/stream/process_reactor.cc", "tests/simulation/stream.cc"),
    calls={
        "OnRead": '"OnRead"',
        "OnOpened": '"OnOpened"',
        "OnClaiming": '"OnClaiming"',
        "OnAnswered": '"OnAnswered"',
        "OnProcessed": 'status.ok() ? "OnProcessed(ok)" : "OnProcessed(refused)"',
        "OnWritten": '"OnWritten"',
        "OnReadStarted": '"OnReadStarted"',
        "OnMarkerReached": '"OnMarkerReached"',
        "GatherResults": '"GatherResults"',
        "OnEnd": f"{_SPACE}kEnds.at(static_cast<size_t>(end))",
        "OnCancelling": '"OnCancelling"',
        "Drain": '"Drain"',
        "TakeHead": '"TakeHead"',
    },
    decides="NextActions",
    declaration="""  Actions NextActions(absl::Time now, absl::FunctionRef<bool()> at_limit,
                      absl::FunctionRef<Supply()> take);""",
    wrapper="""
StreamState::Actions StreamState::NextActions(
    absl::Time now, absl::FunctionRef<bool()> at_limit,
    absl::FunctionRef<Supply()> take) {
  namespace simulation = ::msgproc::simulation;
  simulation::RecordCall(this, "NextActions");
  const Actions actions = DecideNextActions(now, at_limit, take);
  if (actions.write) simulation::RecordDecision(this, "write");
  if (actions.read) simulation::RecordDecision(this, "read");
  if (actions.mark) simulation::RecordDecision(this, "mark");
  if (actions.finish) simulation::RecordDecision(this, "finish");
  return actions;
}
""",
)

_OUTBOX = Machine(
    name="OutboxState",
    header="client/outbox_state.h",
    source="client/outbox_state.cc",
    shells=(
        "client/outbox_stream.cc",
        "tests/simulation/client.cc",
        "tests/simulation/outbox.cc",
    ),
    calls={
        "OnTaken": '"OnTaken"',
        "OnDelivered": '"OnDelivered"',
        "Hurry": '"Hurry"',
        "OnWelcome": '"OnWelcome"',
        "OnClosed": '"OnClosed"',
        "OnWritten": '"OnWritten"',
        "OnFailed": '"OnFailed"',
    },
    decides="NextGroup",
    declaration="  [[nodiscard]] bool NextGroup(absl::Time now, Group* group);",
    wrapper="""
bool OutboxState::NextGroup(absl::Time now, Group* group) {
  namespace simulation = ::msgproc::simulation;
  simulation::RecordCall(this, "NextGroup");
  const bool some = DecideNextGroup(now, group);
  if (some) simulation::RecordDecision(this, "group");
  return some;
}
""",
)

MACHINES = (_CONNECTION, _STREAM, _OUTBOX)


def _insert_calls(machine, text, scope):
    """Records at the beginning of each method whose body is in `text`; and which those are."""
    done = set()
    for method, label in machine.calls.items():
        body = re.compile(
            rf"^ *[^\s/][^;{{}}]*\b{scope}{method}\([^;{{}}]*\)(?: const)? {{", re.MULTILINE
        )
        found = body.search(text)
        if found is None:
            continue
        call = f" {_SPACE}RecordCall(this, {label});"
        text = text[: found.end()] + call + text[found.end() :]
        done.add(method)
    return text, done


def _replace(text, old, new, file):
    if text.count(old) != 1:
        raise Gone(f"'{old}' is in {file} {text.count(old)} times: mend {_HERE}/record_calls.py")
    return text.replace(old, new)


def _recorded_header(machine, text):
    text, _ = _insert_calls(machine, text, "")
    hidden = machine.declaration.replace(machine.decides, "Decide" + machine.decides)
    declarations = f"{machine.declaration}\n{hidden}"
    text = _replace(text, machine.declaration, declarations, machine.header)
    return f'#include "{_HERE}/recorder.h"\n{text}'


def _recorded_source(machine, text):
    name = machine.name
    text, _ = _insert_calls(machine, text, f"{name}::")
    decides = f"{name}::{machine.decides}("
    hidden = f"{name}::Decide{machine.decides}("
    text = _replace(text, decides, hidden, machine.source)
    constructor = re.search(rf"^{name}::{name}\([^{{]*{{", text, re.MULTILINE)
    if constructor is None:
        raise Gone(f"{machine.source} has no constructor: mend {_HERE}/record_calls.py")
    begin = f' {_SPACE}RecordBegin(this, "{name}");'
    text = text[: constructor.end()] + begin + text[constructor.end() :]
    end = text.rindex("\n}  // namespace")
    return text[:end] + machine.wrapper + text[end:]


def recorded(file, text):
    """The text of `file`, recorded."""
    for machine in MACHINES:
        if file == machine.header:
            return _recorded_header(machine, text)
        if file == machine.source:
            text = _recorded_source(machine, text)
    # In front of all others: the product's headers are left out then.
    headers = [machine.header for machine in MACHINES if file in (machine.source, *machine.shells)]
    if not headers:
        raise Gone(f"{file} is no machine and no shell")
    includes = "".join(f'#include "{_HERE}/source/{header}"\n' for header in headers)
    return f'{includes}#line 1 "{file}"\n{text}'


def unrecorded(machine, texts):
    """Calls that have no body in any of `texts`, {file: text}."""
    missing = set(machine.calls)
    missing -= _insert_calls(machine, texts[machine.header], "")[1]
    missing -= _insert_calls(machine, texts[machine.source], f"{machine.name}::")[1]
    return missing


def main(argv):
    """Prints it."""
    file, path = argv
    with open(path, encoding="utf-8") as opened:
        source = opened.read()
    try:
        sys.stdout.write(recorded(file, source))
    except Gone as gone:
        sys.exit(str(gone))


if __name__ == "__main__":
    main(sys.argv[1:])
