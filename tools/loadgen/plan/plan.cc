#include "tools/loadgen/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/locality.h"
#include "services/base/flag_value.h"
#include "services/base/wrong_settings.h"

namespace msgproc::loadgen {
namespace {

constexpr uint64_t kMaxStreams = 100'000;
constexpr uint64_t kMaxOutstanding = uint64_t{1} << 24;
constexpr uint64_t kMaxPayloadBytes = uint64_t{1} << 30;

template <typename... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

using Wrong = base::WrongSettings;

void CheckWhere(const Options& asked, Wrong* wrong) {
  const base::SettingName& name = asked.setting_name;
  if (!asked.target.empty() && !asked.balancer.empty()) {
    wrong->Add(Bad(name("target"), " and ", name("balancer"),
                   " are given both: give the address of a processor or of its "
                   "balancers."));
  }
  if (asked.tls_cert.empty() != asked.tls_key.empty()) {
    wrong->Add(Bad(name("tls_cert"), " and ", name("tls_key"),
                   " belong together: give both or none."));
  }
  if (const auto locality = ParseLocality(asked.locality); !locality.ok()) {
    wrong->Add(Bad(name("locality"), ": ", locality.status().message(), "."));
  }
  if (!asked.locality.empty() && asked.balancer.empty()) {
    wrong->Add(Bad(name("locality"), " is for balancers: give ",
                   name("balancer"), ", too."));
  }
}

void CheckShape(const Options& asked, Wrong* wrong) {
  const base::SettingName& name = asked.setting_name;
  if (asked.connections < 1 || asked.streams_per_connection < 1) {
    wrong->Add(Bad(name("connections"), "=", asked.connections, " ",
                   name("streams_per_connection"), "=",
                   asked.streams_per_connection, ": both must be at least 1."));
  }
  const uint64_t streams =
      static_cast<uint64_t>(std::max(asked.connections, 0)) *
      static_cast<uint64_t>(std::max(asked.streams_per_connection, 0));
  if (streams > kMaxStreams) {
    wrong->Add(Bad(name("connections"), " times ",
                   name("streams_per_connection"), " is ", streams,
                   ": at most ", kMaxStreams, " streams are possible."));
  }
  if (asked.max_outstanding < 1 || asked.max_outstanding > kMaxOutstanding) {
    wrong->Add(Bad(name("max_outstanding"), "=", asked.max_outstanding,
                   ": must be from 1 to ", kMaxOutstanding, "."));
  }
  if (asked.payload_bytes > kMaxPayloadBytes) {
    wrong->Add(Bad(name("payload_bytes"), "=", asked.payload_bytes,
                   ": must be at most ", kMaxPayloadBytes, "."));
  }
}

void CheckTimes(const Options& asked, Wrong* wrong) {
  const base::SettingName& name = asked.setting_name;
  if (asked.n.has_value() && *asked.n == 0) {
    wrong->Add(Bad(name("n"), "=0: send at least one message."));
  }
  if (asked.duration < absl::ZeroDuration()) {
    wrong->Add(Bad(name("duration"), "=", absl::FormatDuration(asked.duration),
                   ": must not be negative."));
  }
  if (!std::isfinite(asked.rate) || asked.rate < 0 || asked.rate > 1e9) {
    wrong->Add(Bad(name("rate"), "=", asked.rate,
                   ": must be from 0 (as fast as the window allows) to 1e9 "
                   "messages a second."));
  }
  if (asked.poisson && asked.rate == 0) {
    wrong->Add(Bad(name("poisson"), " spreads the times of an open loop: give ",
                   name("rate"), " too."));
  }
  const std::pair<absl::string_view, absl::Duration> timeouts[] = {
      {"connect_timeout", asked.connect_timeout},
      {"give_up_after", asked.give_up_after},
      {"stall_timeout", asked.stall_timeout}};
  for (const auto& [option, value] : timeouts) {
    if (value <= absl::ZeroDuration()) {
      wrong->Add(Bad(name(option), "=", absl::FormatDuration(value),
                     ": must be longer than 0."));
    }
  }
}

void CheckInput(const Options& asked, Wrong* wrong) {
  const base::SettingName& name = asked.setting_name;
  if (!asked.output.empty() && asked.input.empty()) {
    wrong->Add(Bad(name("output"), "=", asked.output,
                   " writes the results of lines: give ", name("input"),
                   " too."));
  }
  if (!asked.outbox.empty() && (asked.input.empty() || asked.connections != 1 ||
                                asked.streams_per_connection != 1)) {
    wrong->Add(Bad(name("outbox"), "=", asked.outbox, " keeps the lines of ",
                   name("input"), " on one stream: give ", name("input"),
                   ", and one connection with one stream. (For more at a time "
                   "run more load generators, each with its part of the lines "
                   "and its own outbox.)"));
  }
  if (!asked.input.empty() && !asked.warmup.empty()) {
    wrong->Add(Bad(name("warmup"), " and ", name("input"),
                   " are given both: every line of the input is sent once, so "
                   "none is left for warming up."));
  }
}

Phase MeasuredPhase(const Options& asked) {
  constexpr uint64_t kDefaultMessages = 10'000;
  Phase phase;
  if (asked.duration > absl::ZeroDuration()) phase.duration = asked.duration;
  if (asked.n.has_value()) {
    phase.messages = *asked.n;
  } else if (asked.duration == absl::ZeroDuration() && asked.input.empty()) {
    phase.messages = kDefaultMessages;
  }
  return phase;
}

}  // namespace

uint64_t Phase::Quota(int stream, int streams) const {
  if (messages == kUnlimited) return kUnlimited;
  const auto count = static_cast<uint64_t>(streams);
  return messages / count + (static_cast<uint64_t>(stream) < messages % count);
}

int64_t Plan::LatenessLimit() const {
  constexpr int64_t kMillisecond = 1'000'000;
  if (!open_loop()) return kMillisecond;
  return std::max(kMillisecond, static_cast<int64_t>(1e8 / asked.rate));
}

absl::StatusOr<Phase> ParseWarmup(absl::string_view text) {
  Phase phase;
  if (text.empty()) {
    phase.messages = 0;
    return phase;
  }
  const std::string digits(
      base::CountInDigits(text).value_or(std::string(text)));
  if (absl::SimpleAtoi(digits, &phase.messages)) return phase;
  if (absl::ParseDuration(text, &phase.duration) &&
      phase.duration >= absl::ZeroDuration() &&
      phase.duration < absl::InfiniteDuration()) {
    phase.messages = Phase::kUnlimited;
    return phase;
  }
  return Bad(text,
             ": give a length of time (\"2s\") or a number of messages "
             "(\"5000\", \"5k\").");
}

absl::StatusOr<Plan> MakePlan(Options options) {
  Wrong wrong;
  for (const auto check : {CheckWhere, CheckShape, CheckTimes, CheckInput}) {
    check(options, &wrong);
  }
  if (options.seed == 0) options.seed = std::random_device()() | uint64_t{1};

  Plan plan;
  const absl::StatusOr<Phase> warmup = ParseWarmup(options.warmup);
  const base::SettingName& name = options.setting_name;
  if (!warmup.ok()) {
    wrong.Add(Bad(name("warmup"), "=", warmup.status().message()));
  }
  absl::StatusOr<std::vector<Objective>> objectives =
      ParseObjectives(options.slo);
  if (!objectives.ok()) {
    wrong.Add(Bad(name("slo"), ": ", objectives.status().message()));
  }
  if (!wrong.empty()) return wrong.AsStatus();
  plan.warmup = *warmup;
  plan.objectives = *std::move(objectives);
  plan.measured = MeasuredPhase(options);
  plan.balancers = absl::StrSplit(options.balancer, absl::ByAnyChar(", "),
                                  absl::SkipEmpty());
  plan.streams = options.connections * options.streams_per_connection;
  plan.expectation = ExpectationOf(options.handler);
  plan.arrivals = options.poisson ? Arrivals::kPoisson : Arrivals::kUniform;
  plan.asked = std::move(options);
  return plan;
}

}  // namespace msgproc::loadgen
