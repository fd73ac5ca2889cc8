#include "services/base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace msgproc::base {

void OpenClosedStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    // The lowest free number is this one; meant to be inherited.
    [[maybe_unused]] const int fd = open("/dev/null", O_RDWR);
  }
}

}  // namespace msgproc::base
