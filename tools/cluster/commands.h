#ifndef MSGPROC_TOOLS_CLUSTER_COMMANDS_H_
#define MSGPROC_TOOLS_CLUSTER_COMMANDS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/read_buffer.h"
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
  // One of the two, and what came from it that is no whole line yet.
  struct Input {
    static constexpr size_t kLongestLine = 4096;

    ReadBuffer buffer{kLongestLine};
    bool ended = false;
  };

  explicit CommandReader(base::UniqueFd pipe) : pipe_(std::move(pipe)) {}
  static void Take(int fd, Input* input, std::vector<std::string>* lines);

  base::UniqueFd pipe_;
  Input from_pipe_;
  Input from_terminal_;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_COMMANDS_H_
