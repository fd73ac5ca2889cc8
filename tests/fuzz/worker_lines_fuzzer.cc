// What a worker says in lines, however they arrive: one result a line, in
// order, and an error where a line is too long.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/processor/workers/line_codec.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/worker_conversation.h"

namespace msgproc::fuzz {
namespace {

constexpr size_t kOwed = 5;

std::unique_ptr<WorkerConversation> Begin() {
  auto conversation = std::make_unique<WorkerConversation>(
      std::make_unique<processor::LineCodec>(WorkerConversation::kMaxPayload),
      /*workers_commit=*/false);
  conversation->Owe({"a", "b", "c"}, 1, false);
  conversation->Owe({"d", "e"}, 1000, false);
  return conversation;
}

void Check(WorkerConversation* conversation, absl::string_view said,
           size_t piece) {
  // What stands behind the last newline is no line yet.
  std::vector<absl::string_view> lines = absl::StrSplit(said, '\n');
  const absl::string_view open = lines.back();
  lines.pop_back();
  const absl::Status status = conversation->Say(said, piece);
  MSGPROC_CHECK_EQ(status.ok(), lines.size() < kOwed ||
                                    (lines.size() == kOwed && open.empty()));
  const std::vector<v1::Result> results = conversation->Results();
  MSGPROC_CHECK_EQ(results.size(), std::min(lines.size(), kOwed));
  for (size_t i = 0; i < results.size(); ++i) {
    const bool fits = lines[i].size() <= WorkerConversation::kMaxPayload;
    MSGPROC_CHECK_EQ(results[i].has_error(), !fits);
    MSGPROC_CHECK_EQ(results[i].payload(),
                     fits ? lines[i] : absl::string_view());
  }
  // A line without an end takes no more memory than one that fits.
  MSGPROC_CHECK(!status.ok() || conversation->unread().size() <=
                                    WorkerConversation::kMaxPayload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const size_t piece = 1 + input.Byte() % 16;
  const absl::string_view said = input.Rest();
  Check(Begin().get(), said, 0);
  Check(Begin().get(), said, piece);
  return 0;
}

}  // namespace msgproc::fuzz
