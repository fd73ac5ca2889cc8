#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_REPORT_FIXTURE_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_REPORT_FIXTURE_H_

#include <cstdint>

#include "services/base/setting_name.h"
#include "tools/loadgen/report/report.h"

namespace msgproc::loadgen {

// A report in which everything went well, the same every time.
inline Report GoodReport() {
  Options options;
  options.seed = 42;
  options.setting_name = base::AsFlag;
  Report report;
  report.plan = *MakePlan(options);
  report.where = "127.0.0.1:50051";
  report.version = "0.1.0 (opt)";
  report.machine = "host, 2 CPUs, 4 GiB, Linux 6.1";
  report.started_at = 1'700'000'000'000;
  report.tally.sent = 10'000;
  report.tally.answered = 10'000;
  report.seconds = 0.0125;
  report.cpu_seconds = 0.0154;
  for (int64_t i = 0; i < 10'000; ++i) {
    report.latency.Record(20'000 + i * i / 100);
  }
  TimeSeries series;
  series.Append(report.latency);
  report.series = series.Rows(Histogram(), 10'000'000);
  report.servers["server-1"] = ServerShare{"127.0.0.1:50051", 10'000, 1};
  return report;
}

// A report in which nearly everything went wrong.
inline Report BadReport() {
  Options options;
  options.seed = 42;
  options.setting_name = base::AsFlag;
  options.rate = 5000;
  options.connections = 2;
  options.streams_per_connection = 3;
  options.handler = "my-own";
  options.slo = "p99<1ms,throughput>100,failed<=0";
  options.warmup = "100";
  Report report;
  report.plan = *MakePlan(options);
  report.where = "balancer 127.0.0.1:50050";
  report.started_at = 1'700'000'000'000;
  report.interrupted = true;
  report.warmup.sent = report.warmup.answered = 100;
  report.tally.sent = 1000;
  report.tally.answered = 995;
  report.tally.duplicated = 1;
  report.tally.wrong = 1;
  report.tally.first_wrong = "stream 3, message 17: the result is odd";
  for (int i = 0; i < 3; ++i) {
    report.tally.AddError(absl::StatusCode::kInternal, "the handler threw");
  }
  report.tally.AddError(absl::StatusCode::kAborted,
                        "killed its worker 3 times");
  report.seconds = 2.5;
  report.latency.Record(1'500'000, 900);
  report.latency.Record(2'000'000'000, 95);
  report.interruptions = Interruptions{2, 612'345'678, 700'000'000};
  report.servers["a"] = ServerShare{"127.0.0.1:1", 600, 4};
  report.servers["b"] = ServerShare{"127.0.0.1:2", 395, 2};
  report.stream_errors["UNAVAILABLE: no server for 30s"] = 1;
  report.generator.emplace();
  report.generator->lateness.Record(20'000, 900);
  report.generator->lateness.Record(8'000'000, 100);
  report.generator->held = 12;
  report.generator->limit = report.plan.LatenessLimit();
  report.objectives =
      Evaluate(report.plan.objectives, [&report](const Objective& objective) {
        return report.Figure(objective);
      });
  return report;
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_REPORT_FIXTURE_H_
