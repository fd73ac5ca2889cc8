#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_FORMAT_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_FORMAT_H_

#include <cstdint>
#include <string>

namespace msgproc::loadgen {

// For people, with three digits: "412 ns", "21.0 us", "5.12 ms", "1.50 s",
// "93.0 s".
std::string FormatNanoseconds(double nanoseconds);

// Whole numbers with their thousands apart: "1,234,567".
std::string FormatCount(uint64_t count);

// "1 stream", "3 streams".
std::string FormatPlural(uint64_t count, const std::string& noun);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_FORMAT_H_
