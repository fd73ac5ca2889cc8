#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_

#include <string>

namespace msgproc::processor {

// 16 random bytes in hex, for a store's generation or a process: never drawn
// twice.
std::string RandomName();

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_RANDOM_NAME_H_
