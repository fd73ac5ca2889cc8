#include "tools/ctl/json_line.h"

#include "google/protobuf/util/json_util.h"

namespace msgproc::ctl {

std::string JsonLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options)
           .ok()) {
    return "";
  }
  return json + "\n";
}

}  // namespace msgproc::ctl
