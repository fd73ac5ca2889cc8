#include "services/processor/session/session_batches.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

// Batches that are out, each in a dump.
constexpr size_t kMostDumped = 16;

// Whatever somebody has written into the store.
int Bounded(uint64_t count) {
  return static_cast<int>(std::min<uint64_t>(count, 1'000'000));
}

}  // namespace

std::unique_ptr<Batch> SessionBatches::New(
    const Session::Run& run,
    const std::shared_ptr<const SessionContext>& context) {
  MSGPROC_CHECK(context != nullptr);
  std::unique_ptr<Batch> batch;
  if (spare_.empty()) {
    batch = std::make_unique<Batch>();
  } else {
    batch = std::move(spare_.back());
    spare_.pop_back();
  }
  batch->binding = binding_;
  batch->waiting = waiting_;
  // A spare one mostly has it.
  if (batch->context != context) {
    batch->context = context;
    batch->idempotency_scope = context->idempotency_scope;
  }
  batch->session_number = number_;
  batch->affinity = affinity_;
  batch->epoch = run.epoch;
  batch->first_position = run.first_position;
  batch->size = run.size;
  batch->attempt = 1;
  batch->deaths = 0;
  if (run.first_position <= tried_through_) {
    batch->attempt = Bounded(tries_.begun);
    // Which of them it was that a worker died over is known.
    if (run.first_position <= tries_.behind + 1) {
      batch->deaths = Bounded(tries_.deaths);
    }
  }
  return batch;
}

void SessionBatches::CountOut(const Session::Run& run, size_t bytes) {
  out_.push_back({run.epoch, run.first_position, bytes});
  bytes_out_ += bytes;
}

void SessionBatches::Return(std::unique_ptr<Batch> batch) {
  const auto out = std::find_if(out_.begin(), out_.end(), [&](const Out& o) {
    return o.epoch == batch->epoch && o.first_position == batch->first_position;
  });
  if (out != out_.end()) {
    MSGPROC_CHECK_GE(bytes_out_, out->bytes);
    bytes_out_ -= out->bytes;
    out_.erase(out);
  }
  affinity_ = batch->affinity;
  batch->owner.reset();
  batch->Clear();
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(batch));
}

void SessionBatches::Trim() {
  spare_.clear();
  spare_.shrink_to_fit();
}

StateDump SessionBatches::Dump() const {
  StateDump dump("processor::SessionBatches",
                 {{"number", number_},
                  {"out", out_.size()},
                  {"bytes_out", bytes_out_},
                  {"spare", spare_.size()},
                  {"affinity", affinity_},
                  {"tries_begun", tries_.begun},
                  {"tries_deaths", tries_.deaths},
                  {"tries_behind", tries_.behind},
                  {"tried_through", tried_through_}});
  for (size_t i = 0; i < std::min(out_.size(), kMostDumped); ++i) {
    dump.Add(absl::StrCat("out[", i, "]"),
             absl::StrCat("from position ", out_[i].first_position, ", ",
                          out_[i].bytes, " bytes, epoch ", out_[i].epoch));
  }
  return dump;
}

}  // namespace msgproc::processor
