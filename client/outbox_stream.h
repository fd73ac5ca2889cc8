#ifndef MSGPROC_CLIENT_OUTBOX_STREAM_H_
#define MSGPROC_CLIENT_OUTBOX_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/address_source.h"
#include "client/kept_session.h"
#include "client/message_stream.h"
#include "client/outbox_file.h"
#include "client/outbox_state.h"
#include "client/reconnecting_stream.h"
#include "client/stream_event.h"
#include "common/mutex.h"
#include "wire/frame.h"

namespace msgproc::client {

// A MessageStream whose messages are kept in a file until their results have
// been delivered, so that another process goes on with them. OutboxState
// decides what is written when, OutboxFile writes it, a ReconnectingStream does
// all the rest: streams without an outbox are one of those, and have nothing of
// this.
//
// Threads. Callers' threads send, and wait for the disk; a thread of its own
// writes, and tells the stream how far it has come; callbacks only take notes.
class OutboxStream final : public MessageStream {
 public:
  // `options` are checked, and name an outbox. Errors as of OutboxFile::Open.
  static absl::StatusOr<std::unique_ptr<MessageStream>> Open(
      MessageStreamOptions options, std::unique_ptr<AddressSource> source);

  ~OutboxStream() override;

  absl::Status WaitUntilConnected(absl::Duration timeout) override;
  absl::StatusOr<uint64_t> Send(absl::string_view payload,
                                absl::Span<const wire::HeaderView> headers,
                                absl::Duration timeout) override;
  absl::StatusOr<SentBatch> TrySendBatch(
      absl::Span<const absl::string_view> payloads) override;
  absl::Status Close(absl::Duration timeout) override;
  void Cancel() override { stream_->Cancel(); }
  uint64_t outstanding() const override { return stream_->outstanding(); }
  uint64_t next_sequence() const override { return stream_->next_sequence(); }

 private:
  OutboxStream(MessageStreamOptions options,
               std::unique_ptr<AddressSource> source,
               std::unique_ptr<OutboxFile> file, const KeptSession& session);

  // The options with callbacks that take notes.
  MessageStreamOptions Noting(const MessageStreamOptions& options);
  void OnDelivered(uint64_t through);
  void OnEvent(StreamEvent event);

  // Messages of the stream's that are to be kept.
  void Take(uint64_t first, std::vector<KeptMessage> messages);
  absl::Status WhyNotSent(const absl::Status& why) const;
  absl::Status WaitUntilKept(uint64_t sequence);

  // For what is gone to make room, or for the end.
  void Hurry();

  // The writing thread.
  void Write();
  // Waits for something to write; false: it is time to end.
  bool NextGroup(OutboxState::Group* group, std::vector<KeptMessage>* messages);

  const MessageStreamOptions options_;
  const std::unique_ptr<OutboxFile> file_;  // The writing thread's.

  Mutex mutex_;
  CondVar to_write_;
  CondVar written_;
  OutboxState state_ MSGPROC_GUARDED_BY(mutex_);
  // Taken, and in no group yet.
  std::map<uint64_t, KeptMessage> taken_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;

  std::unique_ptr<ReconnectingStream> stream_;
  std::thread writer_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_OUTBOX_STREAM_H_
