#ifndef MSGPROC_CLIENT_RANDOM_H_
#define MSGPROC_CLIENT_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace msgproc::client {

// From the system's cryptographic generator. At most 256 bytes.
std::string RandomBytes(size_t bytes);
std::string RandomHex(size_t bytes);
uint64_t RandomNumber();

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RANDOM_H_
