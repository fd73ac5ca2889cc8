#include "services/processor/admin/select_workers.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/quoted.h"
#include "services/base/page_size.h"
#include "services/processor/workers/worker_life.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {
namespace {

constexpr size_t kDefaultWorkersPage = 100;
constexpr size_t kMaxWorkersPage = 1000;

// Where a worker stands in the order.
using Place = std::pair<int, WorkerId>;
constexpr Place kBeforeAll = {-1, 0};

Place PlaceOf(const WorkerFacts& facts) { return {facts.slot, facts.id}; }

// "2/17", and kBeforeAll where there is no token.
absl::StatusOr<Place> ReadToken(const std::string& token) {
  Place place = kBeforeAll;
  if (token.empty()) return place;
  const std::vector<std::string> parts = absl::StrSplit(token, '/');
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &place.first) &&
      absl::SimpleAtoi(parts[1], &place.second)) {
    return place;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "page_token ", Quoted(token), " is none that ListWorkers has given"));
}

admin::v1::WorkerState StateOf(WorkerPhase phase) {
  switch (phase) {
    case WorkerPhase::kStarting:
      return admin::v1::WORKER_STATE_STARTING;
    case WorkerPhase::kServing:
      return admin::v1::WORKER_STATE_SERVING;
    case WorkerPhase::kRetiring:
      return admin::v1::WORKER_STATE_RETIRING;
    case WorkerPhase::kLeaving:
      return admin::v1::WORKER_STATE_LEAVING;
    case WorkerPhase::kKilled:
      return admin::v1::WORKER_STATE_KILLED;
    case WorkerPhase::kGone:
      break;
  }
  return admin::v1::WORKER_STATE_ABSENT;
}

void WriteWorker(const WorkerFacts& facts, absl::Time now,
                 admin::v1::Worker* worker) {
  worker->set_slot(static_cast<uint32_t>(facts.slot));
  worker->set_pid(facts.pid);
  worker->set_state(StateOf(facts.phase));
  if (facts.id != 0) {
    *worker->mutable_age() = wire::ToProto(now - facts.started);
  }
  if (facts.since > absl::InfinitePast()) {
    *worker->mutable_state_age() = wire::ToProto(now - facts.since);
  }
  worker->set_restarts(facts.restarts);
  worker->set_in_flight(facts.load.held_messages);
  worker->set_sessions(facts.load.sessions);
  worker->set_messages(facts.messages);
  if (facts.load.oldest < absl::InfiniteFuture()) {
    *worker->mutable_oldest_batch() = wire::ToProto(now - facts.load.oldest);
  }
  worker->set_last_exit(facts.last_exit);
  if (!facts.last_exit.empty()) {
    *worker->mutable_last_exit_age() = wire::ToProto(now - facts.exited);
  }
  worker->set_memory(facts.memory);
}

}  // namespace

absl::StatusOr<admin::v1::ListWorkersResponse> SelectWorkers(
    const admin::v1::ListWorkersRequest& request,
    const std::vector<WorkerFacts>& all, absl::Time now) {
  const absl::StatusOr<Place> after = ReadToken(request.page_token());
  if (!after.ok()) return after.status();
  const auto size = static_cast<int>(base::PageSize(
      request.page_size(), kDefaultWorkersPage, kMaxWorkersPage));
  admin::v1::ListWorkersResponse page;
  Place last = *after;
  for (const WorkerFacts& facts : all) {
    if (facts.phase == WorkerPhase::kServing) {
      page.set_serving(page.serving() + 1);
    }
    if (PlaceOf(facts) <= *after) continue;
    if (page.workers_size() == size) {
      page.set_next_page_token(absl::StrCat(last.first, "/", last.second));
      continue;
    }
    WriteWorker(facts, now, page.add_workers());
    last = PlaceOf(facts);
  }
  return page;
}

}  // namespace msgproc::processor
