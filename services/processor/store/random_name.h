#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_

#include <cstddef>
#include <string>

namespace msgproc::processor {

// From OpenSSL's CSPRNG; without entropy nothing would be safe, and the process
// ends.
std::string RandomBytes(size_t bytes);

// 16 random bytes in hex, for a store's generation or a process: never drawn
// twice.
std::string RandomName();

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_
