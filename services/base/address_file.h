#ifndef MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_
#define MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

// Writes where a server listens, for scripts that let it choose its ports:
//   grpc=127.0.0.1:1234
//   http=127.0.0.1:8051
// A line is left out when its address is empty. The file appears whole, under
// its name, or not at all. PERMISSION_DENIED, NOT_FOUND (the folder) or
// INTERNAL, naming the file.
absl::Status WriteAddressFile(const std::string& path,
                              absl::string_view grpc_address,
                              absl::string_view http_address);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_
