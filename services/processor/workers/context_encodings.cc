#include "services/processor/workers/context_encodings.h"

#include <cstdint>

#include "common/utf8.h"
#include "msgproc/worker/v1/worker.pb.h"

namespace msgproc::processor {
namespace {

// More than these are let go of and made again.
constexpr size_t kMaxEncodings = 16384;

// A `string` of proto3 that is not UTF-8 costs a worker the whole frame, and
// some of these are what a client has chosen.
std::string Text(absl::string_view text) {
  if (IsUtf8(text)) return std::string(text);
  std::string ascii(text);
  for (char& c : ascii) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return ascii;
}

std::string Encode(const SessionContext& session, absl::string_view scope,
                   absl::Duration handler_timeout) {
  worker::v1::Context context;
  context.set_session_id(Text(session.session_id));
  context.set_client_name(Text(session.client_name));
  context.set_principal(Text(session.principal.name));
  for (const auto& [name, value] : session.principal.claims) {
    (*context.mutable_claims())[Text(name)] = Text(value);
  }
  context.set_peer(Text(session.peer));
  context.set_forwarded_for(Text(session.forwarded_for));
  context.set_idempotency_scope(Text(scope));
  if (handler_timeout < absl::InfiniteDuration()) {
    context.set_handler_timeout_nanoseconds(
        static_cast<uint64_t>(absl::ToInt64Nanoseconds(handler_timeout)));
  }
  return context.SerializeAsString();
}

}  // namespace

ContextEncodings::ContextEncodings(absl::Duration handler_timeout)
    : handler_timeout_(handler_timeout),
      unknown_(std::make_shared<const std::string>(
          Encode(SessionContext(), "", handler_timeout))) {}

std::shared_ptr<const std::string> ContextEncodings::Of(const Batch& batch) {
  if (batch.context == nullptr) return unknown_;
  if (encodings_.size() >= kMaxEncodings) encodings_.clear();
  Encoding& encoding = encodings_[batch.context.get()];
  if (encoding.encoded == nullptr) {
    encoding.context = batch.context;
    encoding.encoded = std::make_shared<const std::string>(
        Encode(*batch.context, batch.idempotency_scope, handler_timeout_));
  }
  return encoding.encoded;
}

void ContextEncodings::Tidy() {
  for (auto it = encodings_.begin(); it != encodings_.end();) {
    // Nobody else has it, so that nobody will ask for it.
    it = it->second.context.use_count() == 1 ? encodings_.erase(it) : ++it;
  }
}

}  // namespace msgproc::processor
