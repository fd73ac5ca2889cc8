#include "tests/simulation/workers.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/message_effects.h"
#include "tests/simulation/client.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {

using processor::Assignment;
using processor::Batch;
using processor::Departure;
using processor::WorkerId;
using processor::WorkItem;

namespace {

constexpr int kWorkers = 3;
constexpr int kMaxAttempts = 3;
constexpr absl::Duration kMessageTimeout = absl::Milliseconds(500);
constexpr absl::Duration kStart = absl::Milliseconds(20);
constexpr absl::Duration kTick = absl::Milliseconds(60);

}  // namespace

Workers::Workers(World* world, Host* host, std::string server, Random random)
    : world_(world),
      host_(host),
      server_(std::move(server)),
      max_messages_(world->conditions.MaxMessages()),
      random_(random),
      dispatcher_({.workers = kWorkers,
                   .max_attempts = kMaxAttempts,
                   .message_timeout = kMessageTimeout,
                   .wanted =
                       [](const WorkItem& item) {
                         return static_cast<const Item&>(item).out->Wanted();
                       }}),
      supervisor_({.workers = kWorkers}) {
  Supervise();
  Tick();
}

absl::Time Workers::Now() const { return world_->loop.now(); }

std::unique_ptr<Batch> Workers::Execute(std::unique_ptr<Batch> batch) {
  auto item = std::make_unique<Item>();
  item->session = batch->session_number;
  item->messages = batch->size;
  for (const wire::Piece& piece : batch->pieces) item->bytes += piece.size;
  item->message_nanoseconds =
      absl::ToInt64Nanoseconds(world_->conditions.handling);
  item->worker = batch->affinity;
  item->deaths.resize(batch->size);
  batch->ParsePieces();
  item->out = std::move(batch);
  dispatcher_.Enqueue(item.get(), Now());
  WorkItem* const key = item.get();
  items_[key] = std::move(item);
  Dispatch();
  return nullptr;
}

void Workers::GoOn(Finished* finished) {
  Supervise();
  Dispatch();
  // Each may come back as Execute.
  for (auto& batch : *finished) Batch::Done(std::move(batch));
}

void Workers::Supervise() {
  const auto actions = supervisor_.Decide(Now());
  for (const auto& start : actions.start) {
    starting_.insert(start.worker);
    host_->After(random_.About(kStart),
                 [this, id = start.worker] { OnReady(id); });
  }
  for (const WorkerId id : actions.retire) {
    const auto found = workers_.find(id);
    if (found == workers_.end()) continue;
    found->second.retiring = true;
    dispatcher_.RetireWorker(id, Now());
    LeaveIfIdle(id);
  }
  for (const WorkerId id : actions.kill) {
    if (starting_.erase(id) > 0) {
      supervisor_.OnGone(id, Departure::kStart, Now());
    }
  }
  if (supervisor_.NextDecision() == absl::InfiniteFuture()) return;
  host_->After(
      std::max(absl::ZeroDuration(), supervisor_.NextDecision() - Now()) +
          absl::Milliseconds(1),
      [this, alarm = ++alarms_] {
        if (alarm == alarms_) Supervise();
      });
}

void Workers::OnReady(WorkerId id) {
  if (starting_.erase(id) == 0) return;
  if (random_.OneIn(20)) {
    // It ends before it is ready.
    supervisor_.OnGone(id, Departure::kExit, Now());
  } else {
    supervisor_.OnReady(id, Now());
    workers_[id];
    dispatcher_.AddWorker(id, Now());
  }
  Finished none;
  GoOn(&none);
}

void Workers::Dispatch() {
  Assignment assignment;
  while (dispatcher_.NextAssignment(Now(), &assignment)) {
    Worker& worker = workers_.at(assignment.worker);
    MSGPROC_CHECK(!worker.retiring);
    for (const Assignment::Part& part : assignment.parts) {
      CheckAttempt(part);
      worker.held.push_back(part);
    }
    if (!worker.begun) Begin(assignment.worker, &worker);
  }
  for (WorkItem* item : dispatcher_.TakeUnwanted()) {
    // It may be the last that holds its session.
    const auto dropped = items_.extract(item);
    MSGPROC_CHECK(!dropped.empty());
  }
  MSGPROC_DCHECK(dispatcher_.CheckInvariants());
}

// As docs/worker-protocol.md says of `attempt`: workers that have died and may
// have begun with the message, and this one.
void Workers::CheckAttempt(const Assignment::Part& part) {
  const Deaths& deaths = ItemOf(part.item)->deaths.at(part.item->answered);
  if (part.attempt < 1 + deaths.begun || part.attempt > 1 + deaths.held) {
    world_->checker.Fail(
        "attempts",
        absl::StrCat("try ", part.attempt, " of a message that ", deaths.begun,
                     " to ", deaths.held, " workers have died over"));
  }
  if (part.attempt > kMaxAttempts) {
    world_->checker.Fail("attempts", absl::StrCat("try ", part.attempt));
  }
}

void Workers::Begin(WorkerId id, Worker* worker) {
  const Item& item = *ItemOf(worker->held.front().item);
  const wire::MessageView& message = item.out->messages[item.answered];
  worker->begun = true;
  world_->checker.OnHandled(server_,
                            Client::NumberOf(item.out->context->session_id),
                            message.sequence, message.payload);
  // It says so.
  if (absl::EndsWith(message.payload, kHangs)) return;
  const bool kills = absl::EndsWith(message.payload, kKills);
  host_->After(random_.About(world_->conditions.handling), [this, id, kills] {
    const auto found = workers_.find(id);
    if (found == workers_.end() || found->second.hangs) return;
    kills ? Die(id, Departure::kSignal) : Answer(id);
  });
}

void Workers::Answer(WorkerId id) {
  Worker& worker = workers_.at(id);
  MSGPROC_CHECK(worker.begun);
  Item* const item = ItemOf(worker.held.front().item);
  const wire::MessageView& message = item->out->messages[item->answered];
  processor::Reply reply;
  *reply.mutable_payload() = Checker::ResultOf(message.payload);
  processor::AppendOutcome(item->out.get(), message.sequence, absl::OkStatus(),
                           reply);
  if (world_->conditions.statements) {
    // Another key each time, so that what takes effect twice shows.
    auto effects = std::make_shared<processor::MessageEffects>();
    effects->sequence = message.sequence;
    effects->statements.push_back(
        {.sql = "insert",
         .parameters = {absl::StrCat(item->out->context->session_id, "/",
                                     message.sequence, "/", random_.Next()),
                        "done"}});
    effects->bytes = effects->statements.front().sql.size();
    item->out->effects.push_back(std::move(effects));
  }
  if (--worker.held.front().messages == 0) worker.held.pop_front();
  worker.begun = false;
  Finished finished;
  if (dispatcher_.OnAnswered(id, 1, Now()) != nullptr) Finish(item, &finished);
  if (!worker.held.empty()) Begin(id, &worker);
  LeaveIfIdle(id);
  GoOn(&finished);
}

void Workers::Finish(Item* item, Finished* finished) {
  item->out->affinity = item->worker;
  finished->push_back(std::move(item->out));
  items_.erase(item);
}

void Workers::LeaveIfIdle(WorkerId id) {
  const auto found = workers_.find(id);
  if (!found->second.retiring || !dispatcher_.Idle(id)) return;
  host_->After(random_.UpTo(kStart), [this, id] {
    if (workers_.count(id) > 0) Die(id, Departure::kExit);
  });
}

void Workers::Die(WorkerId id, Departure departure) {
  Worker worker = std::move(workers_.at(id));
  workers_.erase(id);
  world_->story.Tell(server_, "loses worker ", id, ", ",
                     processor::DepartureName(departure));
  // Parts of one item follow each other.
  std::map<Item*, uint64_t> next;
  for (const Assignment::Part& part : worker.held) {
    Item* const item = ItemOf(part.item);
    uint64_t& index = next.emplace(item, item->answered).first->second;
    // One at a time, what is behind the first has not been begun with.
    const uint64_t suspects = part.one_at_a_time ? 1 : part.messages;
    for (uint64_t i = 0; i < suspects; ++i) ++item->deaths[index + i].held;
    index += part.messages;
  }
  if (worker.begun) {
    Item* const item = ItemOf(worker.held.front().item);
    ++item->deaths[item->answered].begun;
  }
  supervisor_.OnGone(id, departure, Now(), dispatcher_.HoldsSuspects(id));
  std::vector<WorkItem*> given_up;
  dispatcher_.RemoveWorker(id, Now(), /*unwritten=*/0, &given_up);
  Finished finished;
  for (WorkItem* item : given_up) GiveUp(ItemOf(item), &finished);
  GoOn(&finished);
}

void Workers::GiveUp(Item* item, Finished* finished) {
  const wire::MessageView& message = item->out->messages[item->answered];
  const int session = Client::NumberOf(item->out->context->session_id);
  const Deaths& deaths = item->deaths[item->answered];
  world_->story.Tell(server_, "gives message ", message.sequence,
                     " of session ", session, " up");
  if (deaths.held != kMaxAttempts || deaths.begun == 0) {
    world_->checker.Fail(
        "attempts",
        absl::StrCat("message ", message.sequence, " of session ", session,
                     " is given up: workers that had it have died ",
                     deaths.held, " times, ", deaths.begun, " times over it"));
  }
  world_->checker.OnGivenUp(session, message.sequence);
  processor::AppendOutcome(item->out.get(), message.sequence,
                           absl::AbortedError("its workers died"), {});
  if (dispatcher_.GiveUp(item)) Finish(item, finished);
}

void Workers::Tick() {
  for (const WorkerId id : dispatcher_.Overdue(Now())) {
    if (workers_.count(id) > 0) Die(id, Departure::kTimeout);
  }
  dispatcher_.Tidy(Now());
  Dispatch();
  host_->After(kTick, [this] { Tick(); });
}

Workers::Worker* Workers::AnyWorker(Random* random, WorkerId* id) {
  if (workers_.empty()) return nullptr;
  auto chosen = workers_.begin();
  std::advance(chosen, random->Below(workers_.size()));
  *id = chosen->first;
  return &chosen->second;
}

void Workers::KillOne(Random* random) {
  WorkerId id;
  if (AnyWorker(random, &id) != nullptr) Die(id, Departure::kSignal);
}

void Workers::HangOne(Random* random) {
  WorkerId id;
  Worker* const worker = AnyWorker(random, &id);
  if (worker != nullptr && worker->begun) worker->hangs = true;
}

void Workers::Replace() {
  world_->story.Tell(server_, "replaces its workers");
  supervisor_.Replace();
  Supervise();
}

}  // namespace msgproc::simulation
