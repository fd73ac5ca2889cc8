#ifndef MSGPROC_CLIENT_MESSAGE_STREAM_H_
#define MSGPROC_CLIENT_MESSAGE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/stream_event.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "wire/frame.h"

namespace msgproc::client {

// The one result of a message. Views are valid during the callback.
struct Result {
  uint64_t sequence = 0;
  absl::string_view payload;
  wire::HeaderRange headers;
  // absl::StatusCode::kOk, or why the message failed.
  absl::StatusCode code = absl::StatusCode::kOk;
  absl::string_view error;
  bool retryable = false;
};

struct MessageStreamOptions {
  // Where to connect: host:port, or any gRPC target. Either this or
  // `balancers`.
  std::string target;
  // Balancers to ask for a server, as host:port, tried in order.
  std::vector<std::string> balancers;
  // Null: plaintext.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Added to every channel's own, and the last word on them. Proxies that the
  // environment names are used with GRPC_ARG_ENABLE_HTTP_PROXY set to 1 only.
  grpc::ChannelArguments channel_arguments;
  // Streams with equal keys >= 0 to one target share a connection; -1: a
  // connection of its own.
  int connection_key = -1;

  std::string handler;      // Empty: the server's default.
  std::string client_name;  // For the server's logs.
  // Empty: random. See `Open` in processor.proto. A session whose messages were
  // sent by another stream, also of a process before this one, cannot be gone
  // on with: the stream ends FAILED_PRECONDITION.
  std::string session_id;
  std::string session_token;
  std::string affinity_key;  // For the balancer.
  // For the balancer, too: where the client is, as "region/zone"
  // (docs/fleet.md, "Zones"). Servers near it are preferred. Empty: none is.
  std::string locality;
  // The stream ends FAILED_PRECONDITION where the server does not keep the
  // session in a store, so that each message's effects there happen once.
  // (A stream that was in a store never goes on without: it ends DATA_LOSS.)
  bool require_durable = false;
  // A file (SQLite's) that keeps each message until its result was delivered,
  // so that a message outlives this program: a stream that is opened with the
  // same file goes on with the session, sends again what the server lacks, and
  // delivers each result whose callback had not returned. Empty: none.
  //
  // Made if it is not there, mode 0600, directories 0700; a file NAME-lock and
  // SQLite's own stand beside it. Not on NFS, not across a fork.
  //
  // What it promises. Once Send has returned, the message is on disk; so is it
  // before it leaves. Sequences go on from one start to the next. A result is
  // delivered at least once: one whose callback returned shortly before a crash
  // may come again, with the same sequence and the same content, and that is
  // what to tell it by. Messages are processed exactly once where the server
  // has a store, and at least once otherwise (see require_durable, which goes
  // well with this).
  //
  // A stream that is closed and has all its results empties it: the next one
  // begins a new session, from 1. (A program that crashes just then begins from
  // 1, too.) A file that has messages without a result is refused to a stream
  // for another `handler`, session_id or session_token (FAILED_PRECONDITION);
  // target and balancers may be others. When the server says that its store has
  // lost the session (DATA_LOSS), the stream ends, nothing is sent again, and
  // the file keeps what has no result for the application to look at
  // (docs/durability.md, "The client's own crash").
  //
  // A file that cannot be written ends the stream; its status and that of a
  // waiting Send say which file, why, and what to do. That of a Send: the
  // message is not in the file, or, UNKNOWN, that cannot be told.
  std::string outbox;

  // Shows servers and balancers who the client is: gives the token (a JWT) that
  // each call carries as `authorization: Bearer`, and a fresh one on the open
  // stream before the last one expires. Called on a thread that the streams of
  // the process share: it may read a file or ask a server, and holds up others'
  // tokens meanwhile, never messages. A status that a stream would reconnect
  // after (UNAVAILABLE among them) is tried again with the usual backoff, any
  // other ends the stream. Tokens travel as they are: use TLS. Empty: none.
  std::function<absl::StatusOr<std::string>()> token_provider;

  // Bounds of the window; what the server allows bounds them too.
  uint64_t max_outstanding_messages = UINT64_MAX;
  uint64_t max_outstanding_bytes = UINT64_MAX;
  uint64_t max_batch_messages = UINT64_MAX;

  // Full-jitter exponential backoff between attempts to connect.
  absl::Duration initial_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(5);
  // How long one attempt to connect may take.
  absl::Duration connect_timeout = absl::Seconds(10);
  // How long to go on without any server before the stream ends UNAVAILABLE.
  absl::Duration give_up_after = absl::InfiniteDuration();

  // Called with each result, in order of sequence, one at a time, on a thread
  // of gRPC. Must not block for long: it holds up the stream.
  std::function<void(const Result&)> on_result;
  // In place of on_result: called with results that have come together, 1 to
  // kMostResultsAtOnce of them, in order. Cheaper where messages are small.
  std::function<void(absl::Span<const Result>)> on_results;
  // Called with each event; never at the same time as a result. May be empty.
  std::function<void(const StreamEvent&)> on_event;
};

// The other end of the permanent socket: sends messages, and gives its caller
// exactly one result for each, whatever becomes of connections and servers in
// between.
//
// What arrives while a write is in flight goes out together in the next one, so
// a lone message leaves at once and a flood travels in large frames. A broken
// connection is made again with full-jitter backoff ("Exponential Backoff And
// Jitter", M. Brooker, 2015), the session resumed, and what has no result sent
// again. On Drain the stream moves by itself.
//
// With an outbox messages outlive the program, too.
//
// Memory is bounded by the window. Thread-safe. Inside callbacks every call is
// allowed and none blocks. A program whose callbacks are short makes streams
// faster with a CallbackThreads in main (common/callback_threads.h).
class MessageStream {
 public:
  static constexpr size_t kMostResultsAtOnce = 128;

  // Messages that were taken together: their sequences follow one another.
  struct SentBatch {
    uint64_t first_sequence = 0;
    size_t count = 0;
  };

  // Connects in the background. INVALID_ARGUMENT: neither or both of `target`
  // and `balancers`, a malformed session_token, neither or both of on_result
  // and on_results. FAILED_PRECONDITION, PERMISSION_DENIED, RESOURCE_EXHAUSTED,
  // UNAVAILABLE, INTERNAL: the outbox cannot be used; it is read here.
  static absl::StatusOr<std::unique_ptr<MessageStream>> Open(
      MessageStreamOptions options);

  // Cancels what is still open; no callback runs once it has returned (unless
  // it is called inside one, which is not allowed). Until then they may: one
  // that uses the stream does so through a plain pointer, for a unique_ptr is
  // null while it destroys what it held.
  virtual ~MessageStream() = default;

  // Waits until a server has answered. DEADLINE_EXCEEDED after `timeout`, with
  // the reason of the last failed attempt; the stream's own status when it
  // ended.
  virtual absl::Status WaitUntilConnected(absl::Duration timeout) = 0;

  // Sends a message and returns its sequence; sequences rise by one from 1.
  // Blocks while the window is full, at most `timeout`: DEADLINE_EXCEEDED.
  // Inside a callback, or with timeout 0, it never blocks: RESOURCE_EXHAUSTED.
  // With an outbox it returns once the message is on disk, whatever `timeout`;
  // where it never blocks, it returns before that, and if the message then
  // cannot be written, the stream ends.
  // FAILED_PRECONDITION after Close; INVALID_ARGUMENT: over the server's
  // max_payload_bytes, more than 128 headers or 64 KiB of them, a key that is
  // not UTF-8; the stream's own status when it ended.
  virtual absl::StatusOr<uint64_t> Send(
      absl::string_view payload,
      absl::Span<const wire::HeaderView> headers = {},
      absl::Duration timeout = absl::InfiniteDuration()) = 0;

  // Send that never blocks.
  absl::StatusOr<uint64_t> TrySend(
      absl::string_view payload,
      absl::Span<const wire::HeaderView> headers = {}) {
    return Send(payload, headers, absl::ZeroDuration());
  }

  // Sends messages without headers, as many of them, from the front, as may be
  // sent without blocking. Where not even the first one may, the error that
  // TrySend would give. A lock and a look at the stream for all of them
  // together: with small messages much cheaper than TrySend for each.
  virtual absl::StatusOr<SentBatch> TrySendBatch(
      absl::Span<const absl::string_view> payloads) = 0;

  // Takes no more messages, waits for every result, tells the server and
  // half-closes. OK when every message got its result. DEADLINE_EXCEEDED: the
  // stream goes on closing, and Close may be called again. Inside a callback it
  // returns OK at once, and kClosed tells the end.
  virtual absl::Status Close(
      absl::Duration timeout = absl::InfiniteDuration()) = 0;

  // Ends the stream now, CANCELLED. Results may be left undelivered.
  virtual void Cancel() = 0;

  // Messages sent whose result was not delivered yet.
  virtual uint64_t outstanding() const = 0;

  // The sequence of the next message: 1 on a new stream; on one that goes on
  // with an outbox, behind the last that this has taken.
  virtual uint64_t next_sequence() const = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_MESSAGE_STREAM_H_
