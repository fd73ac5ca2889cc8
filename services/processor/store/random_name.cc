#include "services/processor/store/random_name.h"

#include "absl/strings/escaping.h"
#include "common/check.h"
#include "openssl/rand.h"

namespace msgproc::processor {

std::string RandomBytes(size_t bytes) {
  std::string random(bytes, '\0');
  MSGPROC_CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(random.data()),
                              static_cast<int>(random.size())),
                   1);
  return random;
}

std::string RandomName() { return absl::BytesToHexString(RandomBytes(16)); }

}  // namespace msgproc::processor
