#ifndef MSGPROC_TOOLS_CTL_COMMAND_LINE_H_
#define MSGPROC_TOOLS_CTL_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// What the command line of msgproc asks for.
struct CommandLine {
  enum class Command {
    kStatus,
    kList,
    kTop,
    kShow,
    kMove,
    kForget,
    kEnd,
    kLog,
    kServers,
    kWorkers,
    kCordon,
    kUncordon,
    kDrain,
    kCheck,
    kTrace,
    kDump,
  };

  Command command = Command::kStatus;
  // Of show, forget, end and trace; of log and dump: whose, empty: the
  // server's.
  std::string session_id;
  // Of cordon, uncordon and drain: which of a balancer's; empty: the one that
  // is asked.
  std::string server_id;
  absl::Duration timeout;  // Of drain.
  // Of trace; 0: until it is stopped.
  absl::Duration trace_for;
  // Of log; unspecified: of a session, what all others have.
  admin::v1::LogLevel log_level = admin::v1::LOG_LEVEL_UNSPECIFIED;
  std::string move_to;
  uint64_t move_sessions = 0;  // 0: all.
  // Of ls and top.
  admin::v1::ListSessionsRequest list;
  uint64_t most = 0;                      // Sessions; 0: all.
  admin::v1::ListServersRequest servers;  // Of servers.
  absl::Duration interval = absl::Seconds(1);
  bool watch = false;   // Of ls: as top does.
  uint64_t rounds = 0;  // Of top; 0: until it is stopped.
  bool json = false;
};

// Of the words that are no flags, in order, and of the flags. INVALID_ARGUMENT
// says what is wrong and what there is.
absl::StatusOr<CommandLine> ReadCommandLine(
    const std::vector<std::string>& words);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_COMMAND_LINE_H_
