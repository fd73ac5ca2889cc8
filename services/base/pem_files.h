#ifndef MSGPROC_SERVICES_BASE_PEM_FILES_H_
#define MSGPROC_SERVICES_BASE_PEM_FILES_H_

#include <string>

#include "absl/status/status.h"

namespace msgproc::server {

// Whether the first certificate of `cert_path` and the key of `key_path` can be
// read, are PEM and belong together. An expired certificate is only logged: the
// clients judge. NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT, naming the
// file.
absl::Status CheckCertificateAndKey(const std::string& cert_path,
                                    const std::string& key_path);

// Whether `path` holds at least one certificate. Errors as above.
absl::Status CheckAuthorities(const std::string& path);

}  // namespace msgproc::server

#endif  // MSGPROC_SERVICES_BASE_PEM_FILES_H_
