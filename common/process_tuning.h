#ifndef MSGPROC_COMMON_PROCESS_TUNING_H_
#define MSGPROC_COMMON_PROCESS_TUNING_H_

namespace msgproc {

// Settings of this process's libraries, for programs that move many messages; a
// library must leave them to its program. To be called first in main.
//
// - malloc keeps up to 32 MiB of what is free at the end of each arena, instead
//   of giving it back to the system and asking for it again with every frame:
//   up to an eighth of the CPU at full load were page faults
//   (docs/performance.md). Blocks up to 8 MiB are kept, too.
// - Abseil's detection of deadlocks, which Debian's build has on, is off: gRPC
//   takes dozens of locks a frame.
void TuneProcess();

}  // namespace msgproc

#endif  // MSGPROC_COMMON_PROCESS_TUNING_H_
