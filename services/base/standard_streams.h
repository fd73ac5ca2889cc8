#ifndef MSGPROC_SERVICES_BASE_STANDARD_STREAMS_H_
#define MSGPROC_SERVICES_BASE_STANDARD_STREAMS_H_

namespace msgproc::base {

// Opens /dev/null in place of each standard stream that the process was started
// without: otherwise the next socket takes its number, and the log is written
// to a client. First thing in main.
void OpenClosedStandardStreams();

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_STANDARD_STREAMS_H_
