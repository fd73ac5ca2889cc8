#ifndef MSGPROC_TOOLS_CTL_JSON_LINE_H_
#define MSGPROC_TOOLS_CTL_JSON_LINE_H_

#include <string>

#include "google/protobuf/message.h"

namespace msgproc::ctl {

// A message as JSON on a line of its own, for scripts: with every field that is
// a number, text or bool, also where it is 0 or empty.
std::string JsonLine(const google::protobuf::Message& message);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_JSON_LINE_H_
