#ifndef MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_
#define MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace msgproc::base {

// What a server listens for, and where: {"grpc", "127.0.0.1:1234"}.
using NamedAddresses = std::vector<std::pair<std::string, std::string>>;

// Writes where a server listens, for scripts that let it choose its ports:
//   grpc=127.0.0.1:1234
//   http=127.0.0.1:8051
// A line is left out when its address is empty. The file appears whole, under
// its name, or not at all. PERMISSION_DENIED, NOT_FOUND (the folder) or
// INTERNAL, naming the file.
absl::Status WriteAddressFile(const std::string& path,
                              const NamedAddresses& addresses);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADDRESS_FILE_H_
