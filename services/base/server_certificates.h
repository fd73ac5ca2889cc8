#ifndef MSGPROC_SERVICES_BASE_SERVER_CERTIFICATES_H_
#define MSGPROC_SERVICES_BASE_SERVER_CERTIFICATES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/file_text.h"

namespace msgproc::base {

// What a server shows its clients, and by whose signature it knows them: the
// last that was good, replaced while it runs. Thread-safe.
class ServerCertificates {
 public:
  struct Current {
    std::string cert_chain;
    std::string key;
    // Empty: clients are not asked for certificates.
    std::string client_authorities;
    // Rises with every change.
    uint64_t version = 0;
  };

  // For ReloadedFiles: of a certificate and its key, and of the clients'
  // authorities. An expired certificate is taken, with a warning, only where
  // there is none yet: what the clients say to it is theirs, and a server that
  // does not start tells them nothing. INVALID_ARGUMENT.
  absl::StatusOr<absl::Time> TakePair(const std::vector<FileText>& files,
                                      absl::Time now);
  absl::StatusOr<absl::Time> TakeClientAuthorities(
      const std::vector<FileText>& files, absl::Time now);

  Current Get() const;

 private:
  mutable Mutex mutex_;
  Current current_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SERVER_CERTIFICATES_H_
