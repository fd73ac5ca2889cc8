#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_SESSION_FIXTURE_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_SESSION_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/testing/fake_attached_stream.h"
#include "services/processor/testing/frames.h"
#include "services/processor/testing/manual_executor.h"

namespace msgproc::processor {

// One hosted session and what stands around it.
class SessionFixture : public testing::Test {
 protected:
  using Stream = std::shared_ptr<FakeAttachedStream>;

  std::shared_ptr<HostedSession> NewSession(Executor* executor,
                                            const std::string& id = "s") {
    // Another session's threads may be reading it.
    if (binding_.executor != executor) binding_.executor = executor;
    return std::make_shared<HostedSession>(
        HostedSession::Identity{id, id.empty() ? "" : "token", "client"},
        &binding_, limits_, &counters_, &clock_);
  }

  static Stream Attach(HostedSession* session, uint64_t received_through = 0) {
    auto stream = std::make_shared<FakeAttachedStream>();
    session->Attach(stream, received_through);
    return stream;
  }

  static absl::Status Send(HostedSession* session, const Stream& stream,
                           const v1::ProcessRequest& request) {
    return session->OnFrame(stream.get(), *TestFrame(request));
  }

  static absl::Status Acknowledge(HostedSession* session, const Stream& stream,
                                  uint64_t received_through) {
    v1::ProcessRequest request;
    request.set_received_through(received_through);
    return Send(session, stream, request);
  }

  static std::vector<uint64_t> Take(HostedSession* session,
                                    const Stream& stream) {
    std::vector<wire::Piece> pieces;
    const HostedSession::Output output =
        session->TakeResults(stream.get(), &pieces);
    std::vector<uint64_t> sequences = Sequences(Decode(&pieces));
    EXPECT_EQ(output.results, sequences.size());
    return sequences;
  }

  static HostedSession::Output Output(HostedSession* session,
                                      const Stream& stream) {
    std::vector<wire::Piece> pieces;
    return session->TakeResults(stream.get(), &pieces);
  }

  SessionLimits limits_;
  HandlerBinding binding_;
  ProcessorCounters counters_;
  FakeClock clock_;
  ManualExecutor manual_;
  HookedExecutor inline_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_SESSION_FIXTURE_H_
