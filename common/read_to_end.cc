#include "common/read_to_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/check.h"

namespace msgproc {

int ReadToEnd(int fd, std::string* text, size_t max_bytes) {
  MSGPROC_CHECK_GE(fd, 0);
  char block[16 << 10];
  while (text->size() <= max_bytes) {
    const ssize_t size = read(fd, block, sizeof(block));
    if (size == 0) break;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    text->append(block, static_cast<size_t>(size));
  }
  return 0;
}

std::string ReadWholeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::string text;
  if (ReadToEnd(fd, &text) != 0) text.clear();
  close(fd);
  return text;
}

}  // namespace msgproc
