#include "tools/loadgen/plan/expectation.h"

#include <openssl/evp.h>

#include "absl/strings/ascii.h"

namespace msgproc::loadgen {

Expectation ExpectationOf(absl::string_view handler) {
  if (handler == "echo" || handler == "spin") return Expectation::kEcho;
  if (handler == "uppercase") return Expectation::kUppercase;
  if (handler == "sha256") return Expectation::kSha256;
  return Expectation::kUnchecked;
}

std::string ExpectedResult(Expectation expectation, absl::string_view payload) {
  switch (expectation) {
    case Expectation::kEcho:
      return std::string(payload);
    case Expectation::kUppercase:
      return absl::AsciiStrToUpper(payload);
    case Expectation::kSha256: {
      std::string digest(EVP_MAX_MD_SIZE, '\0');
      unsigned int size = 0;
      EVP_Digest(payload.data(), payload.size(),
                 reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha256(), nullptr);
      digest.resize(size);
      return digest;
    }
    case Expectation::kUnchecked:
      break;
  }
  return "";
}

}  // namespace msgproc::loadgen
