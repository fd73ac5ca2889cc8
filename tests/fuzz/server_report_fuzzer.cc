// What a processor registers with a balancer: within its bounds, or refused in
// words that fit into a status.
#include <cmath>
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
#include "tests/fuzz/reference.h"

namespace msgproc::fuzz {
namespace {

// A status travels in HTTP/2 trailers of at most 8 KiB.
constexpr size_t kMostErrorBytes = 2048;

bool HasBlank(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  v1::RegisterRequest request;
  if (!Reads(bytes, &request)) return 0;
  const balancer::ServerReport report = balancer::ToReport(request);
  const absl::Status status = balancer::Validate(report);
  if (!status.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(status));
    MSGPROC_CHECK(IsUtf8(status.message()));
    MSGPROC_CHECK_LE(status.message().size(), kMostErrorBytes);
    return 0;
  }
  MSGPROC_CHECK(!report.server_id.empty());
  MSGPROC_CHECK_LE(report.server_id.size(), 128U);
  MSGPROC_CHECK_LE(report.address.size(), 256U);
  MSGPROC_CHECK(!HasBlank(report.server_id));
  MSGPROC_CHECK(!HasBlank(report.address));
  MSGPROC_CHECK(!HasBlank(report.store_generation));
  MSGPROC_CHECK(report.address.find(':') != std::string::npos);
  MSGPROC_CHECK_GE(report.weight, 0.01);
  MSGPROC_CHECK_LE(report.weight, 1000.0);
  MSGPROC_CHECK(std::isfinite(report.load.messages_per_second));
  MSGPROC_CHECK_GE(report.load.utilization, 0.0);
  MSGPROC_CHECK_LE(report.load.utilization, 1.0);
  return 0;
}

}  // namespace msgproc::fuzz
