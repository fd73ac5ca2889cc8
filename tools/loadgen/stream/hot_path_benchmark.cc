// What loadgen itself costs a message: making it, checking and timing its
// result, without client library and processor in between.
//
//   bazel run //tools/loadgen:hot_path_benchmark
//
//   Stamp            the payload's ids
//   Check            order and payload of a result
//   Now              the clock
//   RecordLatency    into the stream's handful and the shared histogram
//   Message          all of it, as TakeIn and SendBatch do in a closed loop

#include <cstddef>
#include <cstdint>
#include <string>

#include "benchmark/benchmark.h"
#include "tools/loadgen/schedule/nano_clock.h"
#include "tools/loadgen/stats/latency_recorder.h"
#include "tools/loadgen/stream/checker.h"
#include "tools/loadgen/stream/payload.h"

namespace msgproc::loadgen {
namespace {

void Stamp(benchmark::State& state) {
  const Payloads payloads(1, static_cast<size_t>(state.range(0)));
  std::string buffer = payloads.NewBuffer();
  uint64_t sequence = 0;
  for (auto _ : state) {
    payloads.Stamp(3, ++sequence, &buffer);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Stamp)->Arg(8)->Arg(64)->Arg(1024);

void Now(benchmark::State& state) {
  const NanoClock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.Now());
}
BENCHMARK(Now);

void RecordLatency(benchmark::State& state) {
  LatencyRecorder recorder(0);
  LatencyBuffer buffer;
  int64_t now = 0;
  for (auto _ : state) {
    now += 150;
    buffer.Add(20'000 + now % 8192, now, &recorder);
  }
}
BENCHMARK(RecordLatency);

void Check(benchmark::State& state) {
  const Payloads payloads(1, static_cast<size_t>(state.range(0)));
  Checker checker(3, Expectation::kEcho, &payloads);
  std::string buffer = payloads.NewBuffer();
  uint64_t sequence = 0;
  for (auto _ : state) {
    payloads.Stamp(3, ++sequence, &buffer);
    benchmark::DoNotOptimize(
        checker.Check(sequence, sequence, absl::StatusCode::kOk, "", buffer));
  }
  if (checker.TakeTally().wrong != 0) state.SkipWithError("wrong");
}
BENCHMARK(Check)->Arg(8)->Arg(64)->Arg(1024)->Arg(16384);

void Message(benchmark::State& state) {
  const Payloads payloads(1, 64);
  const NanoClock clock;
  Checker checker(3, Expectation::kEcho, &payloads);
  LatencyRecorder recorder(clock.Now());
  LatencyBuffer latencies;
  std::string buffer = payloads.NewBuffer();
  uint64_t sequence = 0;
  for (auto _ : state) {
    const int64_t now = clock.Now();
    payloads.Stamp(3, ++sequence, &buffer);
    if (checker.Check(sequence, sequence, absl::StatusCode::kOk, "", buffer)) {
      latencies.Add(20'000 + (now & 8191), now, &recorder);
    }
  }
}
BENCHMARK(Message);

}  // namespace
}  // namespace msgproc::loadgen

BENCHMARK_MAIN();
