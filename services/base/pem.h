#ifndef MSGPROC_SERVICES_BASE_PEM_H_
#define MSGPROC_SERVICES_BASE_PEM_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/file_text.h"

namespace msgproc::base {

// What is checked of certificates before they are used. Pure: contents and time
// are handed in. Every error is INVALID_ARGUMENT and names the file.

// When certificates are good.
struct Validity {
  absl::Time begin = absl::InfinitePast();
  absl::Time end = absl::InfiniteFuture();
};

// Whether `cert` is whole PEM, its first certificate and `key` belong together,
// and TLS takes them (a key that is too short for it is refused). The validity
// is the first certificate's.
absl::StatusOr<Validity> CheckCertificateAndKey(const FileText& cert,
                                                const FileText& key);

// Whether `file` is whole PEM with at least one certificate. The validity is
// that of the one that lasts longest.
absl::StatusOr<Validity> CheckAuthorities(const FileText& file);

// Whether `now` is within; the error says since or until when it is not.
absl::Status CheckCurrent(const Validity& validity, absl::Time now,
                          const FileText& file);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_PEM_H_
