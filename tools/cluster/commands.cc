#include "tools/cluster/commands.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace msgproc::cluster {
namespace {

// A background process that reads the terminal would be stopped.
bool MayReadInput() {
  return isatty(STDIN_FILENO) == 0 || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

}  // namespace

absl::StatusOr<Command> ParseCommand(absl::string_view line) {
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  using Verb = Command::Verb;
  if (words.size() == 1 && words[0] == "list") return Command{Verb::kList, ""};
  if (words.size() == 2) {
    if (words[0] == "restart") return Command{Verb::kRestart, words[1]};
    if (words[0] == "stop") return Command{Verb::kStop, words[1]};
    if (words[0] == "kill") return Command{Verb::kKill, words[1]};
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", line,
      "\" is no command; there are restart NAME, stop NAME, kill NAME, list"));
}

absl::StatusOr<CommandReader> CommandReader::Open(const std::string& pipe) {
  unlink(pipe.c_str());
  if (mkfifo(pipe.c_str(), 0600) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", pipe));
  }
  // Writable too, so that it has no end when a writer goes.
  base::UniqueFd fd(open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", pipe));
  }
  return CommandReader(std::move(fd));
}

std::vector<std::string> CommandReader::Read(absl::Duration timeout) {
  const bool input = !input_ended_ && MayReadInput();
  pollfd ready[] = {{pipe_.get(), POLLIN, 0},
                    {input ? STDIN_FILENO : -1, POLLIN, 0}};
  std::vector<std::string> lines;
  const auto wait = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(ready, 2, wait) <= 0) return lines;
  bool pipe_ended = false;
  if (ready[0].revents != 0) {
    Take(pipe_.get(), &pipe_rest_, &lines, &pipe_ended);
  }
  if (ready[1].revents != 0) {
    Take(STDIN_FILENO, &input_rest_, &lines, &input_ended_);
  }
  return lines;
}

void CommandReader::Take(int fd, std::string* rest,
                         std::vector<std::string>* lines, bool* ended) {
  char bytes[4096];
  const ssize_t size = read(fd, bytes, sizeof(bytes));
  *ended = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
  if (size <= 0) return;
  rest->append(bytes, static_cast<size_t>(size));
  for (size_t end = 0; (end = rest->find('\n')) != std::string::npos;) {
    const absl::string_view line =
        absl::StripAsciiWhitespace(absl::string_view(*rest).substr(0, end));
    if (!line.empty()) lines->emplace_back(line);
    rest->erase(0, end + 1);
  }
  if (rest->size() > sizeof(bytes)) rest->clear();  // No command is that long.
}

}  // namespace msgproc::cluster
