// A server's record in a registry: a report that is written and read as the
// same again, or refused in words that fit into a status.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/utf8.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/server_report.h"
#include "services/balancer/wire_conversions.h"
#include "services/etcd/server_record.h"
#include "tests/fuzz/reference.h"

namespace msgproc::fuzz {
namespace {

constexpr size_t kMostErrorBytes = 512;
constexpr char kServerId[] = "processor-1";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MSGPROC_CHECK(kProtobufIsSilent);
  const absl::string_view value(reinterpret_cast<const char*>(data), size);
  const auto report = etcd::ReadServerRecord(kServerId, value);
  if (!report.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(report.status()));
    MSGPROC_CHECK(IsUtf8(report.status().message()));
    MSGPROC_CHECK_LE(report.status().message().size(), kMostErrorBytes);
    return 0;
  }
  MSGPROC_CHECK_LE(size, etcd::kMaxRecordBytes);
  MSGPROC_CHECK_EQ(report->server_id(), kServerId);
  MSGPROC_CHECK(report->state() == v1::SERVER_STATE_SERVING ||
                report->state() == v1::SERVER_STATE_DRAINING);
  // What the balancer makes of it is server_report's; that it can is ours.
  const absl::Status valid = balancer::Validate(balancer::ToReport(*report));
  MSGPROC_CHECK(valid.ok() || absl::IsInvalidArgument(valid));

  const std::string written = etcd::WriteServerRecord(*report);
  if (written.size() > etcd::kMaxRecordBytes) return 0;
  const auto again = etcd::ReadServerRecord(kServerId, written);
  MSGPROC_CHECK(again.ok());
  MSGPROC_CHECK_EQ(etcd::WriteServerRecord(*again), written);
  return 0;
}

}  // namespace msgproc::fuzz
