// What a server says to a client: whatever it is, over one connection after
// another, a caller gets each message's result once and in order, and the
// client stays within the window.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/session.h"
#include "common/check.h"
#include "msgproc/v1/processor.pb.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/reference.h"
#include "wire/frame.h"

namespace msgproc::fuzz {
namespace {

using client::Session;

constexpr uint64_t kMostOutstanding = 8;

class Client {
 public:
  Client() : session_(Options()) {}

  void Connect() {
    if (session_.phase() != Session::Phase::kDetached) {
      session_.OnDisconnected();
    }
    session_.OnOpen(now_, &write_);
    CheckWrite();
  }

  void Send(absl::string_view payload) {
    const uint64_t sequence = session_.TryAppend(payload, {});
    if (sequence == 0) return;
    MSGPROC_CHECK_EQ(sequence, ++sent_);
  }

  void Speak() {
    if (session_.NextWrite(now_, &write_)) CheckWrite();
  }

  // A frame of the server's.
  void Hear(absl::string_view bytes) {
    if (session_.phase() == Session::Phase::kDetached) return;
    wire::ResponseFrame frame;
    if (!frame.Parse(bytes)) return;
    const Session::Received received = session_.OnFrame(frame, now_);
    MSGPROC_CHECK_LE(received.first + received.count, frame.results.size());
    for (size_t i = 0; i < received.count; ++i) {
      MSGPROC_CHECK_EQ(frame.results[received.first + i].sequence, ++received_);
    }
    MSGPROC_CHECK_LE(received_, sent_);
    MSGPROC_CHECK_EQ(session_.window().received_through(), received_);
    // The connection is broken, as the caller is told to.
    if (!received.status.ok()) session_.OnDisconnected();
  }

  void Wait(absl::Duration time) {
    now_ += time;
    MSGPROC_CHECK_LE(session_.window().outstanding(), kMostOutstanding);
    if (session_.phase() == Session::Phase::kDetached) return;
    const absl::Status status = session_.OnTime(now_);
    if (status.ok()) {
      MSGPROC_CHECK_GE(session_.BreakTime(), now_);
      return;
    }
    MSGPROC_CHECK(absl::IsUnavailable(status));
    session_.OnDisconnected();
  }

  void Close() { session_.Close(); }

 private:
  static Session::Options Options() {
    Session::Options options;
    v1::Open open;
    open.set_session_id("till-7");
    options.open = open.SerializeAsString();
    options.limits.messages = kMostOutstanding;
    return options;
  }

  // It is a frame that a server can read, of messages not answered yet.
  void CheckWrite() {
    std::string bytes = write_.head;
    for (const wire::Piece& piece : write_.messages) {
      bytes.append(piece.data, piece.size);
    }
    v1::ProcessRequest request;
    MSGPROC_CHECK(Reads(bytes, &request));
    MSGPROC_CHECK_LE(request.received_through(), received_);
    uint64_t sequence = 0;
    for (const v1::Message& message : request.messages()) {
      MSGPROC_CHECK(sequence == 0 || message.sequence() == sequence + 1);
      sequence = message.sequence();
      MSGPROC_CHECK_GT(sequence, received_);
      MSGPROC_CHECK_LE(sequence, sent_);
    }
  }

  Session session_;
  Session::Write write_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Client client;
  while (!input.empty()) {
    switch (input.Byte() % 8) {
      case 0:
        client.Connect();
        break;
      case 1:
        client.Send("payload");
        break;
      case 2:
        client.Speak();
        break;
      case 3:
        client.Wait(absl::Milliseconds(input.Number() % 60'000));
        break;
      case 4:
        client.Close();
        break;
      default:
        client.Hear(input.Text());
    }
  }
  return 0;
}

}  // namespace msgproc::fuzz
