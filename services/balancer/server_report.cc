#include "services/balancer/server_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/utf8.h"

namespace msgproc::balancer {
namespace {

constexpr size_t kMaxServerIdBytes = 128;
constexpr size_t kMaxAddressBytes = 256;
constexpr size_t kMaxGenerationBytes = 128;
constexpr double kMinWeight = 0.01;
constexpr double kMaxWeight = 1000;

// Names go into logs and JSON, a line each.
bool IsOneWord(absl::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isspace(c) || absl::ascii_iscntrl(c);
  });
}

bool IsWildcard(absl::string_view host) {
  return host == "0.0.0.0" || host == "[::]" || host == "*";
}

bool IsCount(double value) { return std::isfinite(value) && value >= 0; }

// In one line of an error, whatever is in it.
std::string Escaped(absl::string_view text) {
  return absl::CHexEscape(TruncateUtf8(text, kMostQuotedBytes));
}

absl::Status Malformed(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", Escaped(address), "\" ", why,
                   "; give host:port, as in 10.0.0.7:50051 or [::1]:50051"));
}

}  // namespace

absl::Status ValidateAddress(absl::string_view address) {
  if (address.empty()) {
    return absl::InvalidArgumentError(
        "address is empty; give the host:port at which clients reach it");
  }
  if (address.size() > kMaxAddressBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("address has ", address.size(), " bytes; at most ",
                     kMaxAddressBytes, " are allowed"));
  }
  if (!IsOneWord(address)) return Malformed(address, "holds a blank");
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) {
    return Malformed(address, "has no port");
  }
  const absl::string_view host = address.substr(0, colon);
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return Malformed(address, "has no port from 1 to 65535");
  }
  const bool bracketed =
      absl::StartsWith(host, "[") && absl::EndsWith(host, "]");
  if (host.empty()) return Malformed(address, "has no host");
  if (!bracketed && absl::StrContains(host, ":")) {
    return Malformed(address, "has an IPv6 host without brackets");
  }
  if (absl::StrContains(host, "/")) return Malformed(address, "is a URL");
  if (IsWildcard(host)) {
    return Malformed(address, "is a wildcard, which no client can connect to");
  }
  return absl::OkStatus();
}

absl::Status Validate(const ServerReport& report) {
  if (report.server_id.empty()) {
    return absl::InvalidArgumentError(
        "server_id is empty; give a name unique in the fleet");
  }
  if (report.server_id.size() > kMaxServerIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("server_id has ", report.server_id.size(),
                     " bytes; at most ", kMaxServerIdBytes, " are allowed"));
  }
  if (!IsOneWord(report.server_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("server_id \"", Escaped(report.server_id),
                     "\" holds a blank; give one word"));
  }
  if (const absl::Status status = ValidateAddress(report.address);
      !status.ok()) {
    return status;
  }
  if (report.store_generation.size() > kMaxGenerationBytes ||
      !IsOneWord(report.store_generation)) {
    return absl::InvalidArgumentError(
        absl::StrCat("store_generation \"", Escaped(report.store_generation),
                     "\" is not one word of at most ", kMaxGenerationBytes,
                     " bytes; give what a Welcome says"));
  }
  if (absl::Status status = Validate(report.locality); !status.ok()) {
    return status;
  }
  // The comparison is false for NaN too.
  if (!(report.weight >= kMinWeight && report.weight <= kMaxWeight)) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight is ", report.weight, "; give ", kMinWeight, " to ",
                     kMaxWeight, ", or 0 for 1"));
  }
  if (!IsCount(report.load.messages_per_second) ||
      !IsCount(report.load.utilization)) {
    return absl::InvalidArgumentError(
        absl::StrCat("messages_per_second is ", report.load.messages_per_second,
                     " and utilization is ", report.load.utilization,
                     "; neither may be negative or not a number"));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::balancer
