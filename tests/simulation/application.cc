#include "tests/simulation/application.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {
namespace {

// Until a program that found its disk full is started again.
constexpr absl::Duration kMending = absl::Milliseconds(200);

}  // namespace

Application::Application(World* world, int number)
    : world_(world),
      name_(NameOf(number)),
      outbox_(world->conditions.outboxes),
      host_(&world->loop),
      session_(number) {
  file_.session.session_id = Client::SessionId(session_);
  Start();
}

Application::~Application() {
  if (host_.alive()) host_.Die();
}

std::string Application::NameOf(int number) {
  return absl::StrCat("client", number);
}

void Application::Start() {
  MSGPROC_CHECK(client_ == nullptr);
  host_.Start();
  const uint64_t left = world_->conditions.messages -
                        std::min(world_->conditions.messages, sent_before_);
  Client::Owner owner;
  owner.name = name_;
  owner.session = session_;
  owner.messages = std::max<uint64_t>(1, left);
  owner.host = &host_;
  owner.file = outbox_ ? &file_ : nullptr;
  owner.on_end = [this](const absl::Status& status) { OnEnd(status); };
  client_ = std::make_unique<Client>(world_, owner);
}

void Application::BeginSession() {
  sent_before_ += client_->sent();
  told_ = put_aside_ = false;
  world_->checker.OnAbandoned(session_);
  session_ = world_->checker.AddSession();
  file_ = {};
  file_.session.session_id = Client::SessionId(session_);
}

void Application::Crash(bool silently) {
  MSGPROC_CHECK(host_.alive());
  world_->story.Tell(name_, silently ? "vanishes" : "crashes");
  client_->Die(silently);
  host_.Die();
  if (!outbox_ || put_aside_) {
    BeginSession();
  } else if (file_.ended) {
    done_ = true;
    world_->checker.OnClosed(session_, "");
  } else {
    world_->checker.OnReopened(session_, file_.session.received_through,
                               file_.session.last_sequence() + 1,
                               file_.session.welcomed);
  }
  client_ = nullptr;
}

void Application::StallUntil(absl::Time until) {
  world_->story.Tell(name_, "reads nothing for a while");
  client_->Stall(until);
}

void Application::SlowDownUntil(absl::Time until) {
  world_->story.Tell(name_, "reads slowly");
  client_->SlowDown(until);
}

void Application::StartAgain() {
  host_.After(kMending, [this] {
    world_->loop.After(absl::ZeroDuration(), [this] {
      if (!host_.alive() || done_) return;
      Crash(/*silently=*/false);
      if (!done_) Start();
    });
  });
}

void Application::OnEnd(const absl::Status& status) {
  if (outbox_ && client_->outbox_failed()) {
    world_->story.Tell(name_, "has a full disk");
    return StartAgain();
  }
  const bool lost = absl::IsDataLoss(status);
  if (lost || absl::IsFailedPrecondition(status)) {
    world_->story.Tell(name_, "is told ", status.ToString());
    if (lost) {
      world_->checker.OnTold(session_, status.ToString());
    } else {
      world_->checker.OnExpired(session_, world_->loop.now(),
                                world_->conditions.retention,
                                status.ToString());
    }
    // A file says so again.
    put_aside_ = std::exchange(told_, true);
    return StartAgain();
  }
  done_ = true;
  world_->checker.OnClosed(session_, status.ok() ? "" : status.ToString());
}

}  // namespace msgproc::simulation
