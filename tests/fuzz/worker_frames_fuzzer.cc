// What a worker says in frames of worker.proto: whatever it is, and however it
// arrives, only results that are owed and that clients can read get through.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/processor/workers/frame_codec.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/reference.h"
#include "tests/fuzz/worker_conversation.h"

namespace msgproc::fuzz {
namespace {

std::unique_ptr<WorkerConversation> Begin(uint8_t choices) {
  auto conversation = std::make_unique<WorkerConversation>(
      std::make_unique<processor::FrameCodec>(7,
                                              WorkerConversation::kMaxPayload),
      /*workers_commit=*/(choices & 1) != 0);
  conversation->Owe({"a", "b", "c"}, 1, (choices & 2) != 0);
  conversation->Owe({"d", "e"}, 1000, (choices & 4) != 0);
  if ((choices & 8) != 0) conversation->Cancel();
  return conversation;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t choices = input.Byte();
  const size_t piece = 1 + input.Byte();
  const absl::string_view said = input.Rest();
  const auto whole = Begin(choices);
  const absl::Status status = whole->Say(said, 0);
  MSGPROC_CHECK(status.ok() || absl::IsInvalidArgument(status));
  const std::vector<v1::Result> results = whole->Results();
  MSGPROC_CHECK(whole->ready() || results.empty());
  for (const std::string& entry : whole->Entries()) {
    v1::Result result;
    MSGPROC_CHECK(Reads(entry, &result));
    MSGPROC_CHECK(!result.has_error() || result.error().code() != 0);
  }
  const auto pieces = Begin(choices);
  MSGPROC_CHECK_EQ(pieces->Say(said, piece).ok(), status.ok());
  MSGPROC_CHECK(pieces->Entries() == whole->Entries());
  pieces->Results();
  if (status.ok()) MSGPROC_CHECK_EQ(pieces->unread(), whole->unread());
  return 0;
}

}  // namespace msgproc::fuzz
