// Every interleaving that a seed can think of: a ConnectionState on one side,
// strict processors on the other. Whatever happens, no processor sees a rule
// broken, and the client keeps what Simulation says.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client/testing/connection_simulation.h"
#include "client/testing/many_seeds.h"
#include "client/testing/strict_processor.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

// A StrictProcessor as Simulation wants its servers.
class StrictServer {
 public:
  using Stream = StrictProcessor::Stream;

  StrictServer(std::string id, std::mt19937_64* random, FakeClock* /*clock*/)
      : processor_(std::move(id), StrictProcessor::Limits()), random_(random) {}

  std::shared_ptr<Stream> NewStream() { return processor_.NewStream(); }
  bool Reads(const Stream& stream) const { return !stream.ended; }
  absl::Status Read(Stream* stream, absl::string_view bytes) {
    return processor_.Read(stream, bytes);
  }
  void HalfClose(Stream* stream) { processor_.HalfClose(stream); }
  bool Write(Stream* stream, std::string* bytes) {
    v1::ProcessResponse response;
    if (!processor_.Write(stream, (*random_)() % 5, &response)) return false;
    if (response.has_welcome()) {
      response.mutable_welcome()->mutable_token_expires_in()->set_seconds(2);
    }
    *bytes = response.SerializeAsString();
    return true;
  }
  bool Over(const Stream& stream) const {
    return stream.ended || processor_.EndsNow(stream);
  }
  absl::Status StatusOf(const Stream& stream) const {
    return processor_.EndsNow(stream) ? absl::OkStatus()
                                      : absl::UnavailableError("cut");
  }
  void Disconnect(Stream* stream) { processor_.Disconnect(stream); }
  void Drain(Stream* stream) { processor_.Drain(stream); }
  void Restart() { processor_.Restart(); }
  void Work() {}
  static std::string ResultOf(const std::string& payload) {
    return StrictProcessor::ResultOf(payload);
  }

 private:
  StrictProcessor processor_;
  std::mt19937_64* const random_;
};

void RunWorld(const World& world, uint64_t seeds) {
  RunMany<Simulation<StrictServer>, World>(world, seeds);
}

TEST(ConnectionModelTest, InPeace) {
  RunWorld({.cuts = 0, .restarts = 0, .drains = 0, .refusals = 0}, 500);
}

TEST(ConnectionModelTest, CallsThatAreCut) { RunWorld({.cuts = 50}, 1000); }

TEST(ConnectionModelTest, ServersThatDrain) {
  RunWorld({.cuts = 0, .restarts = 0, .drains = 50}, 1000);
}

TEST(ConnectionModelTest, TokensForEachCall) {
  RunWorld({.cuts = 50, .tokens = true}, 1000);
}

TEST(ConnectionModelTest, CallbacksThatSend) {
  RunWorld({.messages = 100, .echoes = 700}, 500);
}

TEST(ConnectionModelTest, MostlyTrouble) {
  RunWorld({.messages = 3, .cuts = 200, .restarts = 50, .refusals = 500}, 1000);
}

TEST(ConnectionModelTest, ServersThatBreakTheProtocol) {
  RunWorld({.violations = 50}, 500);
}

TEST(ConnectionModelTest, CancelledAtAnyTime) {
  RunWorld({.cuts = 30, .violations = 5, .cancels = 20}, 2000);
}

}  // namespace
}  // namespace msgproc::client
