#ifndef MSGPROC_CLIENT_TESTING_STRICT_PROCESSOR_H_
#define MSGPROC_CLIENT_TESTING_STRICT_PROCESSOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {

// A processor that keeps rules 2 to 6 of processor.proto to the letter and
// forgives a client nothing. Written from the rules alone and as plainly as
// can be: it is the judge of the client's Session. Pure, not thread-safe.
class StrictProcessor {
 public:
  struct Limits {
    uint32_t batch_messages = 8;
    uint64_t payload_bytes = 1 << 16;
    uint32_t outstanding_messages = 10;
    uint64_t outstanding_bytes = 1 << 16;
  };

  struct Session;

  // One stream, as long as it lives.
  struct Stream {
    Session* session = nullptr;
    uint64_t sent_through = 0;  // Results that the stream was given.
    bool ended = false;
    bool half_closed = false;
    bool drained = false;
    // Responses to come, but for results.
    std::deque<v1::ProcessResponse> responses;
  };

  StrictProcessor(std::string id, const Limits& limits);
  ~StrictProcessor();

  std::shared_ptr<Stream> NewStream();

  // Whether Welcome is made before or after the messages that came with Open:
  // both are allowed.
  void set_welcomes_first(bool first) { welcomes_first_ = first; }

  // Reads a request; not OK: the client broke a rule.
  absl::Status Read(Stream* stream, absl::string_view bytes);
  void HalfClose(Stream* stream) { stream->half_closed = true; }
  void Disconnect(Stream* stream) { stream->ended = true; }

  // The next response, with at most so many results. False: there is none.
  bool Write(Stream* stream, uint64_t results, v1::ProcessResponse* response);

  // Asks the client to go elsewhere.
  void Drain(Stream* stream);

  // Whether the stream ends OK now: half-closed, and all is answered.
  bool EndsNow(const Stream& stream) const;

  // Whether it then forgets the session: all that it accepted is received.
  bool Forgets(const Stream& stream) const;

  // The process is killed and started again.
  void Restart();

  static std::string ResultOf(const std::string& payload) {
    return "re:" + payload;
  }

 private:
  absl::Status ReadOpen(Stream* stream, const v1::ProcessRequest& request);
  absl::Status Accept(Session* session, const v1::Message& message);

  const std::string id_;
  const Limits limits_;
  bool welcomes_first_ = true;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Stream>> streams_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_STRICT_PROCESSOR_H_
