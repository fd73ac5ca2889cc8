#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_RAW_STREAM_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_RAW_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::processor {

// A connection of its own, also when there are others to the address.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address);

// A stream of the permanent socket without any manners: sends what the test
// says, reads when the test reads. Every wait has a deadline, and fails the
// test when it runs out. One thread's.
class RawStream {
 public:
  // On a connection of its own.
  explicit RawStream(const std::string& address)
      : RawStream(NewChannel(address)) {}
  explicit RawStream(std::shared_ptr<grpc::Channel> channel,
                     bool wait_for_ready = true);
  // With this in `authorization`.
  RawStream(const std::string& address, const std::string& authorization)
      : RawStream(NewChannel(address), true, authorization) {}
  // Cancels what is still open.
  ~RawStream();
  RawStream(const RawStream&) = delete;
  RawStream& operator=(const RawStream&) = delete;

  // Waits until gRPC has taken it. False: the stream is at its end.
  bool Write(const v1::ProcessRequest& request) {
    return WriteBytes(request.SerializeAsString());
  }
  bool WriteBytes(const std::string& bytes);
  // The same in two steps, one write at a time.
  void BeginWrite(const v1::ProcessRequest& request);
  bool WriteIsDone();
  // A heartbeat that acknowledges.
  bool Acknowledge(uint64_t received_through);

  // Waits for the server's initial metadata.
  bool AwaitInitialMetadata();

  // The next response; nothing when the server has ended the stream.
  std::optional<v1::ProcessResponse> Read();
  // Reads until so many results have come, or the end. Welcome and Drain, if
  // they come, are kept for welcome() and drain().
  std::vector<v1::Result> ReadResults(size_t results);
  // The sequences of all results until the server ends the stream.
  std::vector<uint64_t> ReadToEnd();

  // Sends the request, which has an Open, and reads the Welcome. Results that
  // come with it are the first ones to be read.
  v1::Welcome Open(const v1::ProcessRequest& request);

  void HalfClose();
  void Cancel() { context_.TryCancel(); }
  // Reads what is left and answers the status.
  absl::Status Finish();

  const std::optional<v1::Welcome>& welcome() const { return welcome_; }
  const std::optional<v1::Drain>& drain() const { return drain_; }

 private:
  RawStream(std::shared_ptr<grpc::Channel> channel, bool wait_for_ready,
            const std::string& authorization);

  enum Tag { kStart, kWrite, kRead, kHalfClose, kMetadata, kFinish, kTags };

  // Begins an operation; its end is waited for by Await.
  void* Begin(Tag tag);
  // Whether the operation succeeded.
  bool Await(Tag tag);
  void Completed(void* tag, bool ok);
  void Note(const v1::ProcessResponse& response);

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  std::array<bool, kTags> pending_{};
  std::array<bool, kTags> ok_{};
  bool has_metadata_ = false;
  bool read_ended_ = false;
  bool finished_ = false;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  std::vector<v1::Result> unread_;
  std::optional<v1::Welcome> welcome_;
  std::optional<v1::Drain> drain_;
};

// A request with an Open, for a session of this name.
v1::ProcessRequest OpenRequest(const std::string& session_id,
                               const std::string& handler = "");
// The token in it.
std::string TokenOf(const std::string& session_id);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_RAW_STREAM_H_
