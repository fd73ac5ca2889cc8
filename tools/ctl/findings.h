#ifndef MSGPROC_TOOLS_CTL_FINDINGS_H_
#define MSGPROC_TOOLS_CTL_FINDINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// How bad it is; what monitors take for an exit code.
enum class Severity { kNote = 0, kWarning = 1, kCritical = 2 };

// Something that is wrong with a fleet, or worth knowing.
struct Finding {
  Severity severity = Severity::kNote;
  std::string kind;    // One word, for scripts: "descriptors".
  std::string server;  // Whom it is about; empty: all of them.
  std::string text;    // What it is, and what to do.
};

// What one server said that was asked.
struct Answer {
  std::string server;  // As the command line has it.
  // UNIMPLEMENTED: it is too old to be asked.
  absl::Status failure;
  // The rest only where there is no failure.
  admin::v1::GetStatusResponse status;
  // How far its clock is ahead of the tool's, to within a half of `round_trip`.
  std::optional<absl::Duration> clock_ahead;
  absl::Duration round_trip;
  // Of a balancer.
  std::vector<admin::v1::FleetServer> servers;
  // Why a balancer did not say so; empty: it did.
  std::string servers_unknown;
};

// Bounds of what is taken for right.
inline constexpr absl::Duration kClockTolerance = absl::Seconds(2);
inline constexpr absl::Duration kExpiresSoon = absl::Hours(24 * 14);
inline constexpr absl::Duration kExpiresAtOnce = absl::Hours(24 * 2);
inline constexpr double kManyDescriptors = 0.8;
inline constexpr double kNearlyAllDescriptors = 0.95;
// Off its share by more than both is uneven.
inline constexpr double kUnevenShare = 0.25;
inline constexpr double kUnevenSockets = 10;

// What is wrong, the worst first. Pure.
std::vector<Finding> Judge(const std::vector<Answer>& answers);

// kNote where there is none.
Severity WorstOf(const std::vector<Finding>& findings);

// "note", "warning", "critical".
absl::string_view SeverityName(Severity severity);

// A line each, or that there is none; and as one JSON object.
std::string FindingLines(const std::vector<Finding>& findings);
std::string FindingsJson(const std::vector<Finding>& findings);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_FINDINGS_H_
