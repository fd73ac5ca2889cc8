#include "client/random.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace msgproc::client {
namespace {

void Fill(void* to, size_t bytes) {
  if (getentropy(to, bytes) == 0) return;
  // Only on systems without the call; going on would give secrets away.
  std::fprintf(stderr, "getentropy: %s\n", std::strerror(errno));
  std::abort();
}

}  // namespace

std::string RandomBytes(size_t bytes) {
  std::string random(bytes, '\0');
  Fill(random.data(), bytes);
  return random;
}

std::string RandomHex(size_t bytes) {
  return absl::BytesToHexString(RandomBytes(bytes));
}

uint64_t RandomNumber() {
  uint64_t number;
  Fill(&number, sizeof(number));
  return number;
}

}  // namespace msgproc::client
