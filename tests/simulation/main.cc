// Runs simulated fleets: one seed after another, or one of them.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/base/log.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/simulation.h"

ABSL_FLAG(uint64_t, seed, 0,
          "Runs this one and tells its story. 0: many, from --first_seed on.");
ABSL_FLAG(uint64_t, first_seed, 1, "The first of many.");
ABSL_FLAG(uint64_t, seeds, 2000, "How many, at most.");
ABSL_FLAG(absl::Duration, duration, absl::InfiniteDuration(),
          "How long, at most.");
ABSL_FLAG(bool, shrink, true, "Looks for a shorter story where a rule breaks.");
ABSL_FLAG(uint64_t, messages, 0,
          "Messages of each client; 0: as the seed says.");

ABSL_FLAG(bool, coverage, false,
          "Says which edges of the machines' drawings were taken.");

namespace msgproc::simulation {
namespace {

// What a signal's handler may print: of the seed that runs.
char last_words[64];

// A check of the product's own ends the process: says in which seed.
void OnAbort(int /*signal*/) {
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, last_words, std::strlen(last_words));
}

Conditions ConditionsOf(uint64_t seed) {
  std::snprintf(last_words, sizeof(last_words), "seed %llu ends the process\n",
                static_cast<unsigned long long>(seed));
  Conditions conditions = DrawConditions(seed);
  if (const uint64_t messages = absl::GetFlag(FLAGS_messages); messages > 0) {
    conditions.messages = messages;
  }
  return conditions;
}

void Print(const Conditions& conditions, const Report& report) {
  std::printf("%s\n%s", conditions.Describe().c_str(), report.story.c_str());
  std::printf(
      "%llu results of %llu calls of handlers, %llu events, in %s: %s\n",
      static_cast<unsigned long long>(report.messages),
      static_cast<unsigned long long>(report.handled),
      static_cast<unsigned long long>(report.events),
      absl::FormatDuration(report.passed).c_str(),
      report.ok() ? "all rules hold" : report.violation.c_str());
}

// A rule is broken: tells as little of it as shows it.
int Fail(const Conditions& conditions, const Report& report) {
  std::printf("%s\nbreaks a rule: %s.\n", conditions.Describe().c_str(),
              report.violation.c_str());
  if (absl::GetFlag(FLAGS_shrink)) {
    std::printf("Looking for a shorter story.\n");
    std::fflush(stdout);
    const Conditions shrunk = Shrink(conditions);
    Print(shrunk, Simulate(shrunk));
  } else {
    Print(conditions, report);
  }
  std::printf("Repeat: bazel run //tests/simulation -- --seed=%llu\n",
              static_cast<unsigned long long>(conditions.seed));
  return 1;
}

int Run() {
  if (const uint64_t seed = absl::GetFlag(FLAGS_seed); seed != 0) {
    const Conditions conditions = ConditionsOf(seed);
    const Report report = Simulate(conditions);
    if (!report.ok()) return Fail(conditions, report);
    Print(conditions, report);
    return 0;
  }
  const absl::Time begin = absl::Now();
  uint64_t messages = 0;
  uint64_t ran = 0;
  absl::Duration simulated;
  const auto took = [&] { return absl::Now() - begin; };
  for (; ran < absl::GetFlag(FLAGS_seeds) &&
         took() < absl::GetFlag(FLAGS_duration);
       ++ran) {
    const Conditions conditions =
        ConditionsOf(absl::GetFlag(FLAGS_first_seed) + ran);
    const Report report = Simulate(conditions);
    if (!report.ok()) return Fail(conditions, report);
    messages += report.messages;
    simulated += report.passed;
  }
  std::printf(
      "%llu seeds, %llu messages, %s of fleets in %s (%.0f a second): "
      "all rules hold\n",
      static_cast<unsigned long long>(ran),
      static_cast<unsigned long long>(messages),
      absl::FormatDuration(absl::Trunc(simulated, absl::Seconds(1))).c_str(),
      absl::FormatDuration(absl::Trunc(took(), absl::Milliseconds(1))).c_str(),
      static_cast<double>(messages) / absl::ToDoubleSeconds(took()));
  if (absl::GetFlag(FLAGS_coverage)) {
    std::printf("%s", DescribeCoverage().c_str());
  }
  return 0;
}

}  // namespace
}  // namespace msgproc::simulation

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Simulates fleets with their faults, in virtual time: one seed, one "
      "story.");
  absl::ParseCommandLine(argc, argv);
  msgproc::base::InitLog(msgproc::base::LogFormat::kText,
                         msgproc::base::LogLevel::kError);
  std::signal(SIGABRT, &msgproc::simulation::OnAbort);
  return msgproc::simulation::Run();
}
