#include "services/etcd/server_record.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/quoted.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "services/base/identity/strict_json.h"

namespace msgproc::etcd {
namespace {

absl::Status Wrong(absl::string_view server_id, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the record of ", Quoted(server_id), " ", why));
}

}  // namespace

std::string WriteServerRecord(v1::RegisterRequest report) {
  report.mutable_vitals()->clear_clock();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string metadata;
  const auto status =
      google::protobuf::util::MessageToJsonString(report, &metadata, options);
  MSGPROC_CHECK(status.ok());
  const std::string address =
      nlohmann::json(report.address())
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return absl::StrCat(R"({"Op":0,"Addr":)", address, R"(,"Metadata":)",
                      metadata, "}");
}

absl::StatusOr<v1::RegisterRequest> ReadServerRecord(
    absl::string_view server_id, absl::string_view value) {
  if (value.size() > kMaxRecordBytes) {
    return Wrong(server_id,
                 absl::StrCat("has ", value.size(), " bytes; at most ",
                              kMaxRecordBytes, " are allowed"));
  }
  const nlohmann::json record = base::ParseJsonObject(value);
  if (record.is_discarded()) {
    return Wrong(server_id, "is not an object in JSON");
  }
  const auto address = record.find("Addr");
  if (address == record.end() || !address->is_string()) {
    return Wrong(server_id, "has no Addr");
  }
  v1::RegisterRequest report;
  const auto metadata = record.find("Metadata");
  if (metadata != record.end() && metadata->is_object()) {
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    if (!google::protobuf::util::JsonStringToMessage(metadata->dump(), &report,
                                                     options)
             .ok()) {
      return Wrong(server_id, "has Metadata that is no report");
    }
  }
  // What it is found by counts.
  report.set_server_id(std::string(server_id));
  report.set_address(address->get<std::string>());
  if (report.state() != v1::SERVER_STATE_DRAINING) {
    report.set_state(v1::SERVER_STATE_SERVING);
  }
  return report;
}

}  // namespace msgproc::etcd
