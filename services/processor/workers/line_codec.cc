#include "services/processor/workers/line_codec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wire/frame.h"

namespace msgproc::processor {

void LineCodec::Encode(const Assignment::Part& part,
                       std::vector<OutFrame>* frames,
                       std::vector<ResponseTracker::Expected>* expected) {
  WorkerBatch* const work = part.item->batch;
  expected->push_back({work, 0, part.messages});
  MessageCursor cursor = work->unanswered;
  OutFrame frame;
  frame.messages = part.messages;
  for (uint64_t i = 0; i < part.messages; ++i) {
    wire::MessageView message;
    wire::ParseMessage(cursor.Next(work->pieces), &message);
    absl::StrAppend(&frame.head, message.payload, "\n");
  }
  frames->push_back(std::move(frame));
}

absl::StatusOr<size_t> LineCodec::Decode(absl::string_view bytes,
                                         absl::Time now,
                                         ResponseTracker* responses) {
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    const absl::string_view rest = bytes.substr(consumed);
    if (responses->Empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("it wrote a line when no message was left: ",
                       rest.substr(0, std::min<size_t>(64, rest.find('\n')))));
    }
    const size_t end = rest.find('\n');
    if (end == absl::string_view::npos) {
      if (overlong_ + rest.size() > max_payload_bytes_) {
        overlong_ += rest.size();
        consumed = bytes.size();
      }
      break;
    }
    consumed += end + 1;
    if (overlong_ > 0) {
      responses->AnswerTooLarge(overlong_ + end, now);
      overlong_ = 0;
    } else {
      responses->AnswerPayload(rest.substr(0, end), now);
    }
  }
  responses->Settle(now);
  return consumed;
}

}  // namespace msgproc::processor
