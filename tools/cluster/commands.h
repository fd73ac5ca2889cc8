#ifndef MSGPROC_TOOLS_CLUSTER_COMMANDS_H_
#define MSGPROC_TOOLS_CLUSTER_COMMANDS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/unique_fd.h"

namespace msgproc::cluster {

// What somebody wants done with one member: "restart processor-2".
struct Command {
  enum class Verb { kList, kRestart, kStop, kKill };
  Verb verb;
  std::string member;  // Empty for kList.
};

// INVALID_ARGUMENT, saying which commands there are.
absl::StatusOr<Command> ParseCommand(absl::string_view line);

// Lines from a named pipe, for other terminals and scripts, and from standard
// input as long as it has some. Not thread-safe.
class CommandReader {
 public:
  // Makes the pipe; an error when it cannot.
  static absl::StatusOr<CommandReader> Open(const std::string& pipe);

  // The lines that came, after waiting for some for at most `timeout`.
  std::vector<std::string> Read(absl::Duration timeout);

 private:
  explicit CommandReader(base::UniqueFd pipe) : pipe_(std::move(pipe)) {}
  void Take(int fd, std::string* rest, std::vector<std::string>* lines,
            bool* ended);

  base::UniqueFd pipe_;
  std::string pipe_rest_;
  std::string input_rest_;
  bool input_ended_ = false;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_COMMANDS_H_
