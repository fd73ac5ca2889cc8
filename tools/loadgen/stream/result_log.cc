#include "tools/loadgen/stream/result_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace msgproc::loadgen {
namespace {

// Where the last whole line of the file ends; -1: errno says why not.
off_t EndOfLines(int descriptor, off_t size) {
  std::array<char, 4096> block;
  while (size > 0) {
    const auto most = static_cast<off_t>(block.size());
    const off_t from = std::max<off_t>(0, size - most);
    const ssize_t count =
        pread(descriptor, block.data(), static_cast<size_t>(size - from), from);
    if (count <= 0) return -1;
    const absl::string_view text(block.data(), static_cast<size_t>(count));
    const size_t newline = text.rfind('\n');
    if (newline != absl::string_view::npos) {
      return from + static_cast<off_t>(newline) + 1;
    }
    size = from;
  }
  return 0;
}

}  // namespace

absl::Status ResultLog::Begin() const {
  struct stat file = {};
  if (fstat(descriptor_, &file) != 0) {
    return absl::ErrnoToStatus(errno, "looking at the output");
  }
  if (!S_ISREG(file.st_mode)) return absl::OkStatus();
  const off_t end = EndOfLines(descriptor_, file.st_size);
  if (end < 0) return absl::ErrnoToStatus(errno, "reading the output");
  if (ftruncate(descriptor_, end) != 0 ||
      lseek(descriptor_, end, SEEK_SET) != end) {
    return absl::ErrnoToStatus(errno, "going on with the output");
  }
  return absl::OkStatus();
}

void ResultLog::Put(uint64_t sequence, absl::string_view result) {
  line_ = absl::StrCat(sequence, "\t", result, "\n");
  absl::string_view left = line_;
  while (!left.empty()) {
    const ssize_t count = write(descriptor_, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      std::fprintf(stderr,
                   "msgproc-loadgen: result %llu cannot be written: %s. The "
                   "outbox keeps its message: start again once it can.\n",
                   static_cast<unsigned long long>(sequence),
                   std::strerror(errno));
      std::_Exit(1);
    }
    left.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace msgproc::loadgen
