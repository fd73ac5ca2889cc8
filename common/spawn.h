#ifndef MSGPROC_COMMON_SPAWN_H_
#define MSGPROC_COMMON_SPAWN_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace msgproc {

// A program to be started, and what it gets of this process. It never gets more
// than that: no other descriptor above the standard streams, no signal that is
// blocked, and none that is ignored.
struct SpawnOptions {
  enum class Group {
    kSame,        // This process's.
    kOwnGroup,    // Leads a process group: one kill() reaches all of it.
    kOwnSession,  // Leads a session: no signal of a terminal reaches it.
  };

  struct Descriptor {
    int as = -1;    // Its number in the child.
    int from = -1;  // This process's, which keeps it. -1: closed in the child.
  };
  // As `from`: what gives nothing to read. Opened in the child.
  static constexpr int kDevNull = -2;

  // A path, or a name in PATH. Empty: the first of the arguments.
  std::string program;
  // From argv[0] on.
  std::vector<std::string> arguments;
  // "NAME=value"; without: this process's.
  std::optional<std::vector<std::string>> environment;
  // Where it runs; empty: where this process does.
  std::string directory;
  // Standard streams that are not named are shared. `as` and `from` may be
  // swapped: none is overwritten before it has been handed on.
  std::vector<Descriptor> descriptors;
  Group group = Group::kSame;
  // What the kernel sends it when the thread that calls Spawn ends; 0: nothing.
  // By setpriv, since posix_spawn has no such option; `program` is a path then.
  int parent_death_signal = 0;
};

// Starts it, without fork: gRPC does not survive one. The caller reaps it.
// errno's own status, naming the program: NOT_FOUND, PERMISSION_DENIED.
absl::StatusOr<pid_t> Spawn(const SpawnOptions& options);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_SPAWN_H_
