// What a worker process of ours reads of its processor: the same frames however
// they arrive, and the cancelled batches that protobuf's generated classes see.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/base/unique_fd.h"
#include "services/processor/workers/worker_input.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/reference.h"
#include "wire/coding.h"

namespace msgproc::fuzz {
namespace {

// Fits into a socket's buffer, however small the pieces.
constexpr size_t kMostBytes = 16 << 10;

std::vector<std::string> FramesIn(absl::string_view bytes) {
  std::vector<std::string> frames;
  while (true) {
    wire::FieldReader reader(bytes);
    uint64_t size = 0;
    if (bytes.empty() || !reader.ReadVarint(&size)) return frames;
    bytes.remove_prefix(static_cast<size_t>(reader.at() - bytes.data()));
    if (bytes.size() < size) return frames;
    frames.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

void Write(int fd, absl::string_view bytes) {
  if (bytes.empty()) return;
  MSGPROC_CHECK_EQ(send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT),
                   static_cast<ssize_t>(bytes.size()));
}

// Which of the batches up to 64 a frame cancels.
void CheckCancelled(absl::string_view frame) {
  processor::WorkerInput input(-1);
  input.TakeCancelled(frame);
  worker::v1::WorkBatch batch;
  if (!Reads(frame, &batch)) return;
  const auto& ids = batch.cancelled_batch_ids();
  for (uint64_t id = 1; id <= 64; ++id) {
    MSGPROC_CHECK_EQ(input.cancelled(id),
                     std::find(ids.begin(), ids.end(), id) != ids.end());
  }
  for (const uint64_t id : ids) MSGPROC_CHECK(id == 0 || input.cancelled(id));
  input.Forget(64);
  for (uint64_t id = 1; id <= 64; ++id) MSGPROC_CHECK(!input.cancelled(id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t choices = input.Byte();
  const size_t piece = 1 + input.Byte();
  absl::string_view said = input.Rest();
  said = said.substr(0, kMostBytes);
  int ends[2];
  MSGPROC_CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const base::UniqueFd from(ends[0]);
  base::UniqueFd to(ends[1]);
  processor::WorkerInput worker(from.get());
  std::vector<std::string> frames;
  absl::string_view rest = said;
  bool looked = false;
  while (true) {
    absl::string_view frame;
    while (worker.Next(&frame)) {
      frames.emplace_back(frame);
      CheckCancelled(frame);
      // While it deals with a frame, it may look at what is behind.
      if ((choices & 1) != 0 && !looked) {
        looked = true;
        worker.LookAhead();
        MSGPROC_CHECK_EQ(frame, frames.back());
      }
    }
    const absl::string_view next = rest.substr(0, piece);
    rest.remove_prefix(next.size());
    Write(to.get(), next);
    if (rest.empty()) to.Reset();
    if (!worker.Fill()) break;
  }
  MSGPROC_CHECK(frames == FramesIn(said));
  return 0;
}

}  // namespace msgproc::fuzz
