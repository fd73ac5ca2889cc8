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
  const bool input = !from_terminal_.ended && MayReadInput();
  pollfd ready[] = {{pipe_.get(), POLLIN, 0},
                    {input ? STDIN_FILENO : -1, POLLIN, 0}};
  std::vector<std::string> lines;
  const auto wait = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(ready, 2, wait) <= 0) return lines;
  if (ready[0].revents != 0) Take(pipe_.get(), &from_pipe_, &lines);
  if (ready[1].revents != 0) Take(STDIN_FILENO, &from_terminal_, &lines);
  return lines;
}

void CommandReader::Take(int fd, Input* input,
                         std::vector<std::string>* lines) {
  ReadBuffer& buffer = input->buffer;
  const ssize_t size = buffer.ReadFrom(fd);
  input->ended = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
  for (size_t end = 0;
       (end = buffer.data().find('\n')) != absl::string_view::npos;) {
    const absl::string_view line =
        absl::StripAsciiWhitespace(buffer.data().substr(0, end));
    if (!line.empty()) lines->emplace_back(line);
    buffer.Consume(end + 1);
  }
  // No command is that long.
  if (buffer.data().size() >= Input::kLongestLine) buffer.Clear();
}

}  // namespace msgproc::cluster
