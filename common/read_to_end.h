#ifndef MSGPROC_COMMON_READ_TO_END_H_
#define MSGPROC_COMMON_READ_TO_END_H_

#include <cstddef>
#include <limits>
#include <string>

namespace msgproc {

// Appends what `fd` gives, to its end, whatever signals come. Stops after the
// block with which `text` has over `max_bytes`. 0, or errno.
int ReadToEnd(int fd, std::string* text,
              size_t max_bytes = std::numeric_limits<size_t>::max());

// A whole file, which may be one of /proc that has no size; empty where it
// cannot be read.
std::string ReadWholeFile(const std::string& path);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_READ_TO_END_H_
