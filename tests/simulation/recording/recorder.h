#ifndef MSGPROC_TESTS_SIMULATION_RECORDING_RECORDER_H_
#define MSGPROC_TESTS_SIMULATION_RECORDING_RECORDER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::simulation {

// What record_calls.py puts into a machine: it says who it is, how it is
// called, and what it has decided. On any thread.
void RecordBegin(const void* machine, absl::string_view name);
void RecordCall(const void* machine, absl::string_view call);
void RecordDecision(const void* machine, absl::string_view decision);

// By the numbers of ConnectionState::Role, ConnectionState::Action::Kind and
// StreamState::End.
inline constexpr std::array<absl::string_view, 6> kRoles = {
    "NextAction(connector)", "NextAction(reader)", "NextAction(writer)",
    "NextAction(marker)",    "NextAction(caller)", "NextAction(deliverer)"};
inline constexpr std::array<absl::string_view, 13> kActions = {
    "nothing", "fetch token", "locate",  "connect", "write",   "cancel", "mark",
    "event",   "parse",       "results", "read",    "release", "deliver"};
inline constexpr std::array<absl::string_view, 5> kEnds = {
    "OnEnd(half-close)", "OnEnd(violation)", "OnEnd(stopped)",
    "OnEnd(taken over)", "OnEnd(broken)"};

// What shells did to the machines, each thing with how often. It is of two
// kinds:
//
//   ConnectionState: NextAction(reader) -> parse
//       A call, with what was decided. (In which state that was is the
//       machine's matter: its shell does not know.)
//   ConnectionState, write: -> write, then OnWritten(ok)
//       What followed what in one of the orders that a shell has to keep,
//       whatever its threads do: of writes, of reads, of deliveries, and so
//       on. What belongs to another order may have happened in between.
using Record = std::map<std::string, uint64_t>;

// Since it was taken last. No machine is called meanwhile.
Record TakeRecord();

// How often the machine was called so, whatever was decided,
// since TakeRecord.
uint64_t CallsOf(absl::string_view machine, absl::string_view call);

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_RECORDING_RECORDER_H_
