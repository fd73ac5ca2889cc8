#ifndef MSGPROC_TOOLS_LOADGEN_PLAN_PLAN_H_
#define MSGPROC_TOOLS_LOADGEN_PLAN_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/setting_name.h"
#include "tools/loadgen/plan/expectation.h"
#include "tools/loadgen/plan/slo.h"
#include "tools/loadgen/schedule/schedule.h"

namespace msgproc::loadgen {

// When to stop sending: whichever comes first.
struct Phase {
  static constexpr uint64_t kUnlimited = UINT64_MAX;

  uint64_t messages = kUnlimited;
  absl::Duration duration = absl::InfiniteDuration();

  bool empty() const {
    return messages == 0 || duration <= absl::ZeroDuration();
  }
  // How many of the messages fall to one of several streams: as evenly as can
  // be, the first ones get the odd ones. Message i belongs to stream
  // i % streams.
  uint64_t Quota(int stream, int streams) const;
};

// What was asked for, as the flags give it; see flags.cc for their meaning.
struct Options {
  std::string target;
  std::string balancer;  // Comma-separated.
  std::optional<uint64_t> n;
  absl::Duration duration = absl::ZeroDuration();
  std::string warmup;
  int connections = 1;
  int streams_per_connection = 1;
  uint64_t max_outstanding = 1024;
  uint64_t max_batch = 0;
  uint64_t payload_bytes = 64;
  std::string input;
  std::string output;
  std::string outbox;
  double rate = 0;
  bool poisson = false;
  std::string handler = "echo";
  std::string client_name = "loadgen";
  std::string locality;
  uint64_t seed = 0;
  std::string slo;
  std::string json;
  std::string report;  // HTML.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_server_name;
  std::string token_file;
  absl::Duration connect_timeout = absl::Seconds(10);
  absl::Duration give_up_after = absl::Seconds(30);
  absl::Duration stall_timeout = absl::Seconds(60);
  // What users call these settings; texts name them so.
  base::SettingName setting_name = base::AsOption;
};

// What is to be done, checked: every value is within its bounds.
struct Plan {
  Options asked;  // With the seed that is really used.
  std::vector<std::string> balancers;
  Phase warmup;  // Empty: none.
  Phase measured;
  int streams = 1;
  Expectation expectation = Expectation::kEcho;
  Arrivals arrivals = Arrivals::kUniform;
  std::vector<Objective> objectives;

  bool open_loop() const { return asked.rate > 0; }
  bool from_input() const { return !asked.input.empty(); }
  bool uses_tls() const {
    return !asked.tls_ca.empty() || !asked.tls_cert.empty() ||
           !asked.tls_server_name.empty();
  }

  // The 99th percentile of the generator's own lateness, in nanoseconds, above
  // which it did not keep its schedule: 1 ms or a tenth of the distance between
  // two messages, whichever is longer.
  int64_t LatenessLimit() const;
};

// INVALID_ARGUMENT names every setting that is wrong, its value and what is
// allowed, a line each.
absl::StatusOr<Plan> MakePlan(Options options);

// "2s" is a length of time, "5000" a number of messages, "" nothing.
absl::StatusOr<Phase> ParseWarmup(absl::string_view text);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_PLAN_PLAN_H_
