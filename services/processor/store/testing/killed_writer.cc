#include "services/processor/store/testing/killed_writer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/spawn.h"
#include "gtest/gtest.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

uint64_t RunKilledWriter(const std::string& url, int commits) {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const base::UniqueFd read_end(ends[0]);
  base::UniqueFd write_end(ends[1]);
  const auto child =
      Spawn({.program = "services/processor/store/testing/store_writer",
             .arguments = {"store_writer", url},
             .descriptors = {{.as = 1, .from = write_end.get()}}});
  if (!child.ok()) {
    ADD_FAILURE() << child.status();
    return 0;
  }
  write_end.Reset();

  std::string said;
  int lines = 0;
  bool killed = false;
  std::array<char, 4096> buffer = {};
  // To the end: what it said while the signal was on its way counts.
  while (true) {
    const ssize_t size = read(read_end.get(), buffer.data(), buffer.size());
    if (size <= 0) break;
    const std::string piece(buffer.data(), static_cast<size_t>(size));
    said += piece;
    for (const char c : piece) lines += c == '\n' ? 1 : 0;
    if (!killed && lines >= commits) {
      killed = true;
      kill(*child, SIGKILL);
    }
  }
  int status = 0;
  waitpid(*child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
      << "store_writer ended by itself: " << status;
  const std::vector<std::string> all = absl::StrSplit(said, '\n');
  // Behind the last line end is nothing, or half a line.
  uint64_t last = 0;
  if (all.size() < 2 || !absl::SimpleAtoi(all[all.size() - 2], &last)) {
    ADD_FAILURE() << "store_writer committed nothing";
  }
  return last;
}

}  // namespace msgproc::processor
