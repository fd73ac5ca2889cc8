#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SAME_TOKEN_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SAME_TOKEN_H_

#include <openssl/crypto.h>

#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Takes as long whatever their bytes are.
inline bool SameToken(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SAME_TOKEN_H_
