#include "services/processor/workers/frame_codec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/processor/executors/traced_message.h"
#include "services/processor/workers/effects_reader.h"
#include "wire/coding.h"

namespace msgproc::processor {
namespace {

using wire::FieldReader;
using wire::Tag;
using wire::WireType;

// WorkBatch and ResultBatch.
constexpr uint32_t kBatchIdTag = Tag(1, WireType::kVarint);
constexpr uint32_t kHandlerTag = Tag(3, WireType::kLengthDelimited);
constexpr uint32_t kAnswerBeforeNextTag = Tag(4, WireType::kVarint);
constexpr uint32_t kContextTag = Tag(6, WireType::kLengthDelimited);
constexpr uint32_t kTracesTag = Tag(8, WireType::kLengthDelimited);
constexpr uint32_t kCancelledTag = Tag(7, WireType::kLengthDelimited);
constexpr uint32_t kResultTag = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kHandlerNanosecondsTag = Tag(3, WireType::kVarint);
constexpr uint32_t kReadyTag = Tag(4, WireType::kLengthDelimited);
constexpr uint32_t kEffectsTag = Tag(5, WireType::kLengthDelimited);
// Of a Context.
constexpr uint32_t kAttemptTag = Tag(7, WireType::kVarint);
constexpr uint32_t kSessionEpochTag = Tag(10, WireType::kVarint);

// Of any varint. Where a frame is let in three would do, but a writer may use
// more than it needs, and how many is not known before the last has come.
constexpr size_t kMaxVarintBytes = 10;
// A frame of a result that is too large to be taken is read past up to here;
// what is said to be larger is garbage.
constexpr uint64_t kMaxOversizedFrame = 1 << 30;
// Most bytes of a frame's batch id, which stands first, and its tag.
constexpr size_t kMaxBatchIdBytes = 5 + kMaxVarintBytes;

void AppendVarint(uint64_t value, std::string* out) {
  char bytes[10];
  out->append(bytes,
              static_cast<size_t>(wire::PutVarint(bytes, value) - bytes));
}

// The session's part, which is encoded already, and this batch's.
void AppendContext(const WorkerBatch& work, int attempt, std::string* out) {
  std::string own;
  own += static_cast<char>(kAttemptTag);
  AppendVarint(static_cast<uint64_t>(attempt), &own);
  if (work.batch->store_epoch > 0) {
    own += static_cast<char>(kSessionEpochTag);
    AppendVarint(work.batch->store_epoch, &own);
  }
  const size_t shared = work.context == nullptr ? 0 : work.context->size();
  *out += static_cast<char>(kContextTag);
  AppendVarint(shared + own.size(), out);
  if (work.context != nullptr) *out += *work.context;
  *out += own;
}

// Of those among the next `messages` of which there are any.
void AppendTraces(const WorkerBatch& work, uint64_t first, uint64_t messages,
                  std::string* out) {
  for (const TracedMessage& traced : work.batch->traced) {
    if (traced.index < first || traced.index - first >= messages) continue;
    worker::v1::Trace trace;
    trace.set_sequence(traced.sequence);
    trace.set_traceparent(traced.context.Traceparent());
    *out += static_cast<char>(kTracesTag);
    AppendVarint(trace.ByteSizeLong(), out);
    trace.AppendToString(out);
  }
}

}  // namespace

std::string FrameCodec::Greeting() const {
  worker::v1::WorkBatch batch;
  batch.mutable_hello()->set_protocol_version(kWorkerProtocolVersion);
  batch.mutable_hello()->set_worker(worker_);
  batch.mutable_hello()->set_max_payload_bytes(max_payload_bytes_);
  batch.mutable_hello()->set_max_frame_bytes(kMaxWorkerFrameBytes);
  std::string greeting;
  AppendVarint(batch.ByteSizeLong(), &greeting);
  batch.AppendToString(&greeting);
  return greeting;
}

OutFrame FrameCodec::Frame(const WorkerBatch& work, bool one_at_a_time,
                           int attempt, uint64_t first, uint64_t messages,
                           std::vector<wire::Piece> pieces) {
  std::string fields;
  fields += static_cast<char>(kBatchIdTag);
  AppendVarint(next_batch_id_++, &fields);
  const std::string& handler = work.batch->binding->name;
  fields += static_cast<char>(kHandlerTag);
  AppendVarint(handler.size(), &fields);
  fields += handler;
  if (one_at_a_time) {
    fields += static_cast<char>(kAnswerBeforeNextTag);
    fields += '\1';
  }
  AppendContext(work, attempt, &fields);
  AppendTraces(work, first, messages, &fields);
  size_t bytes = fields.size();
  for (const wire::Piece& piece : pieces) bytes += piece.size;
  OutFrame frame;
  AppendVarint(bytes, &frame.head);
  frame.head += fields;
  frame.pieces = std::move(pieces);
  frame.messages = messages;
  return frame;
}

void FrameCodec::EncodeCancelled(const WorkerBatch& work,
                                 std::vector<OutFrame>* frames) {
  if (work.first_batch_id == 0) return;
  ++without_messages_;
  std::string ids;
  for (uint64_t id = work.first_batch_id; id <= work.last_batch_id; ++id) {
    AppendVarint(id, &ids);
  }
  std::string fields;
  fields += static_cast<char>(kCancelledTag);
  AppendVarint(ids.size(), &fields);
  fields += ids;
  OutFrame& frame = frames->emplace_back();
  AppendVarint(fields.size(), &frame.head);
  frame.head += fields;
}

void FrameCodec::Encode(const Assignment::Part& part,
                        std::vector<OutFrame>* frames,
                        std::vector<ResponseTracker::Expected>* expected) {
  WorkerBatch* const work = part.item->batch;
  work->first_batch_id = next_batch_id_;
  work->last_batch_id =
      next_batch_id_ + (part.one_at_a_time ? part.messages - 1 : 0);
  if (!part.one_at_a_time) {
    expected->push_back({work, next_batch_id_, part.messages});
    std::vector<wire::Piece> pieces;
    work->unanswered.CopyRest(work->pieces, &pieces);
    frames->push_back(Frame(*work, false, part.attempt, part.item->answered,
                            part.messages, std::move(pieces)));
    return;
  }
  MessageCursor cursor = work->unanswered;
  for (uint64_t i = 0; i < part.messages; ++i) {
    expected->push_back({work, next_batch_id_, 1});
    std::vector<wire::Piece> pieces;
    cursor.Take(work->pieces, 1, &pieces);
    frames->push_back(Frame(*work, true,
                            i == 0 ? part.attempt : part.attempt_behind,
                            part.item->answered + i, 1, std::move(pieces)));
  }
}

absl::StatusOr<size_t> FrameCodec::Decode(absl::string_view bytes,
                                          absl::Time now,
                                          ResponseTracker* responses) {
  // One that is a little too large is an Error of its own; this is garbage.
  const size_t max_frame_bytes =
      std::max<size_t>(4 << 20, 2 * max_payload_bytes_) + kMaxWorkerFrameBytes;
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    if (to_skip_ > 0) {
      const size_t skipped =
          std::min<uint64_t>(to_skip_, bytes.size() - consumed);
      to_skip_ -= skipped;
      consumed += skipped;
      continue;
    }
    const absl::string_view rest = bytes.substr(consumed);
    FieldReader reader(rest);
    uint64_t size = 0;
    if (!reader.ReadVarint(&size)) {
      if (rest.size() >= kMaxVarintBytes) {
        return absl::InvalidArgumentError("a frame's length is malformed");
      }
      break;
    }
    if (size > max_frame_bytes) {
      const absl::string_view beginning(
          reader.at(),
          rest.size() - static_cast<size_t>(reader.at() - rest.data()));
      if (size <= kMaxOversizedFrame) {
        if (beginning.size() < kMaxBatchIdBytes) break;
        if (AnswerOversized(beginning, size, now, responses)) {
          consumed += rest.size() - beginning.size();
          to_skip_ = size;
          continue;
        }
      }
      return absl::InvalidArgumentError(
          absl::StrCat("a frame is to have ", size, " bytes; at most ",
                       max_frame_bytes, " are allowed"));
    }
    const auto prefix = static_cast<size_t>(reader.at() - rest.data());
    if (rest.size() - prefix < size) break;
    absl::Status status =
        DecodeFrame(rest.substr(prefix, size), now, responses);
    if (!status.ok()) return status;
    consumed += prefix + size;
  }
  return consumed;
}

// A frame that is far too large answers one message, when that is all that is
// owed under its id: with an error, and the rest of it is not kept. Where more
// is owed nobody can tell whose result it is, and the worker dies over it; its
// messages then travel one at a time, so that this is known.
bool FrameCodec::AnswerOversized(absl::string_view beginning,
                                 size_t frame_bytes, absl::Time now,
                                 ResponseTracker* responses) const {
  FieldReader reader(beginning);
  uint32_t tag = 0;
  uint64_t batch_id = 0;
  if (!ready_ || !reader.ReadTag(&tag) || tag != kBatchIdTag ||
      !reader.ReadVarint(&batch_id) || responses->Empty() ||
      responses->Oldest().batch_id != batch_id ||
      responses->Oldest().messages != 1 ||
      responses->Oldest().work->batch->binding->traits.workers_commit) {
    return false;
  }
  responses->AnswerTooLarge(frame_bytes, now);
  return true;
}

absl::Status FrameCodec::DecodeFrame(absl::string_view frame, absl::Time now,
                                     ResponseTracker* responses) {
  uint64_t batch_id = 0;
  uint64_t nanoseconds = 0;
  absl::string_view ready;
  bool has_ready = false;
  bool has_results = false;
  FrameEffects effects;
  FieldReader reader(frame);
  while (!reader.Done()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) {
      return absl::InvalidArgumentError("a frame cannot be parsed");
    }
    bool ok;
    if (tag == kBatchIdTag) {
      ok = reader.ReadVarint(&batch_id);
    } else if (tag == kHandlerNanosecondsTag) {
      ok = reader.ReadVarint(&nanoseconds);
    } else if (tag == kReadyTag) {
      has_ready = true;
      ok = reader.ReadBytes(&ready);
    } else if (tag == kEffectsTag) {
      absl::string_view encoded;
      ok = reader.ReadBytes(&encoded);
      absl::Status status =
          ok ? ReadEffects(encoded, &effects) : absl::OkStatus();
      if (!status.ok()) return status;
    } else {
      has_results = has_results || tag == kResultTag;
      ok = reader.Skip(tag);
    }
    if (!ok) return absl::InvalidArgumentError("a frame cannot be parsed");
  }
  if (!ready_) {
    if (!has_ready) {
      return absl::InvalidArgumentError("the first frame has no `ready`");
    }
    return DecodeReady(ready);
  }
  if (has_ready) return absl::InvalidArgumentError("a second `ready`");
  // What a plain loop makes of a frame without messages (cancelled_batch_ids).
  if (batch_id == 0 && !has_results && effects.empty() &&
      without_messages_ > 0) {
    --without_messages_;
    return absl::OkStatus();
  }
  // Nobody's handler takes a year.
  const absl::Duration handler_time = absl::Nanoseconds(
      static_cast<int64_t>(std::min<uint64_t>(nanoseconds, uint64_t{1} << 55)));
  return responses->AnswerFrame(batch_id, frame, handler_time, now,
                                std::move(effects));
}

absl::Status FrameCodec::DecodeReady(absl::string_view encoded) {
  worker::v1::Ready ready;
  if (!ready.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return absl::InvalidArgumentError("its `ready` cannot be parsed");
  }
  if (ready.protocol_version() != kWorkerProtocolVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("it keeps version ", ready.protocol_version(),
                     " of the worker protocol, and the processor version ",
                     kWorkerProtocolVersion));
  }
  ready_ = true;
  return absl::OkStatus();
}

}  // namespace msgproc::processor
