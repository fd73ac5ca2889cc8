#include "client/testing/strict_processor.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace msgproc::client {
namespace {

constexpr int kMostWithOpen = 64;
constexpr size_t kMostBytesWithOpen = 64 << 10;
constexpr size_t kMostFrameBytes = 1 << 20;

uint64_t WindowBytes(const v1::Message& message) {
  uint64_t bytes = message.payload().size();
  for (const v1::Header& header : message.headers()) {
    bytes += header.key().size() + header.value().size();
  }
  return bytes;
}

template <typename... Args>
absl::Status Violation(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

}  // namespace

struct StrictProcessor::Session {
  std::string token;
  uint64_t accepted_through = 0;
  uint64_t received_through = 0;
  int first_messages = 0;              // What came with the first Open.
  std::map<uint64_t, uint64_t> bytes;  // Of messages beyond received_through.
  std::map<uint64_t, std::string> results;
  Stream* attached = nullptr;
};

StrictProcessor::StrictProcessor(std::string id, const Limits& limits)
    : id_(std::move(id)), limits_(limits) {}

StrictProcessor::~StrictProcessor() = default;

std::shared_ptr<StrictProcessor::Stream> StrictProcessor::NewStream() {
  return streams_.emplace_back(std::make_shared<Stream>());
}

absl::Status StrictProcessor::Read(Stream* stream, absl::string_view bytes) {
  if (stream->ended) return absl::OkStatus();
  if (stream->half_closed) return Violation("a request after the half-close");
  v1::ProcessRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Violation("garbage");
  }
  if (bytes.size() > kMostFrameBytes && request.messages_size() > 1) {
    return Violation("a frame of ", bytes.size(), " bytes");
  }
  if (request.messages_size() > static_cast<int>(limits_.batch_messages) &&
      !request.has_open()) {
    return Violation("a batch of ", request.messages_size());
  }
  if (stream->session == nullptr) return ReadOpen(stream, request);
  if (request.has_open()) return Violation("a late Open");
  Session* const session = stream->session;
  if (request.received_through() > session->accepted_through) {
    return Violation("received_through ", request.received_through(),
                     " is beyond what was accepted, ",
                     session->accepted_through);
  }
  while (session->received_through < request.received_through()) {
    const uint64_t gone = ++session->received_through;
    session->bytes.erase(gone);
    session->results.erase(gone);
  }
  if (stream->drained && request.messages_size() > 0) {
    // Allowed ("still accepts what arrives"), judged by the test.
  }
  for (const v1::Message& message : request.messages()) {
    absl::Status status = Accept(session, message);
    if (!status.ok()) return status;
  }
  if (request.messages_size() == 0) stream->responses.emplace_back();
  return absl::OkStatus();
}

absl::Status StrictProcessor::ReadOpen(Stream* stream,
                                       const v1::ProcessRequest& request) {
  if (!request.has_open()) return Violation("no Open in the first request");
  const v1::Open& open = request.open();
  const uint64_t received = request.received_through();
  std::unique_ptr<Session>& slot = sessions_[open.session_id()];
  v1::Welcome::State state = v1::Welcome::STATE_RESUMED;
  if (slot != nullptr && slot->token != open.session_token()) {
    return absl::PermissionDeniedError("wrong token");
  }
  if (slot == nullptr || received > slot->accepted_through) {
    if (slot != nullptr && slot->attached != nullptr) {
      slot->attached->ended = true;
      slot->attached->session = nullptr;
    }
    state = received == 0 ? v1::Welcome::STATE_NEW : v1::Welcome::STATE_LOST;
    slot = std::make_unique<Session>();
    slot->token = open.session_token();
    slot->accepted_through = slot->received_through = received;
    if (received == 0) slot->first_messages = request.messages_size();
  }
  Session* const session = slot.get();
  // Takes the session over.
  if (session->attached != nullptr) session->attached->ended = true;
  session->attached = stream;
  stream->session = session;
  while (session->received_through < received) {
    const uint64_t gone = ++session->received_through;
    session->bytes.erase(gone);
    session->results.erase(gone);
  }
  stream->sent_through = session->received_through;
  if (request.messages_size() > 0) {
    if (received > 0) return Violation("messages with a later Open");
    if (request.messages_size() > kMostWithOpen ||
        request.ByteSizeLong() > kMostBytesWithOpen + 512) {
      return Violation("too much with Open: ", request.messages_size(),
                       " messages, ", request.ByteSizeLong(), " bytes");
    }
    if (request.messages_size() != session->first_messages) {
      return Violation(
          "not the same first request again: ", request.messages_size(),
          " messages in place of ", session->first_messages);
    }
  }
  const uint64_t accepted_before = session->accepted_through;
  for (const v1::Message& message : request.messages()) {
    if (message.sequence() <= accepted_before) continue;
    absl::Status status = Accept(session, message);
    if (!status.ok()) return status;
  }
  v1::Welcome* welcome = stream->responses.emplace_back().mutable_welcome();
  welcome->set_server_id(id_);
  welcome->set_session_id(open.session_id());
  welcome->set_session_token(open.session_token());
  welcome->set_state(state);
  welcome->set_accepted_through(welcomes_first_ ? accepted_before
                                                : session->accepted_through);
  welcome->set_max_batch_messages(limits_.batch_messages);
  welcome->set_max_payload_bytes(limits_.payload_bytes);
  welcome->set_max_outstanding_messages(limits_.outstanding_messages);
  welcome->set_max_outstanding_bytes(limits_.outstanding_bytes);
  welcome->mutable_heartbeat_interval()->set_seconds(10);
  return absl::OkStatus();
}

absl::Status StrictProcessor::Accept(Session* session,
                                     const v1::Message& message) {
  if (message.sequence() != session->accepted_through + 1) {
    return Violation("message ", message.sequence(), " where ",
                     session->accepted_through + 1, " was due");
  }
  if (message.payload().size() > limits_.payload_bytes) {
    return Violation("a payload of ", message.payload().size());
  }
  uint64_t bytes = WindowBytes(message);
  for (const auto& [sequence, size] : session->bytes) bytes += size;
  // What goes with Open every server accepts.
  const uint64_t most_messages =
      message.sequence() <= static_cast<uint64_t>(session->first_messages)
          ? std::max<uint64_t>(limits_.outstanding_messages, kMostWithOpen)
          : limits_.outstanding_messages;
  const uint64_t most_bytes =
      message.sequence() <= static_cast<uint64_t>(session->first_messages)
          ? std::max<uint64_t>(limits_.outstanding_bytes, kMostBytesWithOpen)
          : limits_.outstanding_bytes;
  if (!session->bytes.empty() &&
      (session->bytes.size() >= most_messages || bytes > most_bytes)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the window is exceeded by message ", message.sequence(), ": ",
        session->bytes.size() + 1, " messages and ", bytes, " bytes"));
  }
  session->bytes[message.sequence()] = WindowBytes(message);
  session->results[message.sequence()] = ResultOf(message.payload());
  session->accepted_through = message.sequence();
  return absl::OkStatus();
}

bool StrictProcessor::Write(Stream* stream, uint64_t results,
                            v1::ProcessResponse* response) {
  if (stream->ended) return false;
  response->Clear();
  bool any = false;
  if (!stream->responses.empty()) {
    *response = std::move(stream->responses.front());
    stream->responses.pop_front();
    any = true;
  }
  Session* const session = stream->session;
  if (session == nullptr) return any;
  while (results > 0 && stream->sent_through < session->accepted_through) {
    const uint64_t sequence = ++stream->sent_through;
    const auto found = session->results.find(sequence);
    if (found == session->results.end()) continue;  // Received meanwhile.
    v1::Result* result = response->add_results();
    result->set_sequence(sequence);
    result->set_payload(found->second);
    any = true;
    --results;
  }
  return any;
}

void StrictProcessor::Drain(Stream* stream) {
  if (stream->drained || stream->ended || stream->session == nullptr) return;
  stream->drained = true;
  v1::Drain* drain = stream->responses.emplace_back().mutable_drain();
  drain->set_reason(v1::Drain::REASON_SHUTDOWN);
  drain->mutable_grace()->set_seconds(30);
}

bool StrictProcessor::EndsNow(const Stream& stream) const {
  return stream.half_closed && stream.session != nullptr &&
         stream.responses.empty() &&
         stream.sent_through == stream.session->accepted_through;
}

bool StrictProcessor::Forgets(const Stream& stream) const {
  return stream.session->received_through == stream.session->accepted_through;
}

void StrictProcessor::Restart() {
  for (const auto& stream : streams_) {
    stream->ended = true;
    stream->session = nullptr;
  }
  streams_.clear();
  sessions_.clear();
}

}  // namespace msgproc::client
