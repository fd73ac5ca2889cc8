#include "services/processor/stream/stream_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/quoted.h"
#include "common/transition.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

// Whether a stream that ends so is cut rather than answered.
bool Cuts(StreamState::End end) {
  return end != StreamState::End::kHalfClose &&
         end != StreamState::End::kViolation;
}

absl::string_view EndName(StreamState::End end) {
  switch (end) {
    case StreamState::End::kHalfClose:
      return "half-closed";
    case StreamState::End::kViolation:
      return "violation";
    case StreamState::End::kStopped:
      return "stopped";
    case StreamState::End::kTakenOver:
      return "taken over";
    case StreamState::End::kBroken:
      return "broken";
  }
  return "unknown";
}

}  // namespace

absl::string_view PhaseName(StreamState::Phase phase) {
  switch (phase) {
    case StreamState::Phase::kOpening:
      return "opening";
    case StreamState::Phase::kOpen:
      return "open";
    case StreamState::Phase::kAnswering:
      return "answering";
    case StreamState::Phase::kCutting:
      return "cutting";
    case StreamState::Phase::kFinished:
      return "finished";
  }
  return "unknown";
}

StreamState::StreamState(absl::Duration patience, absl::Time now,
                         absl::Time aged_at)
    : patience_(patience), aged_at_(aged_at), heard_(now) {
  MSGPROC_CHECK_GT(patience, absl::ZeroDuration());
}

// After each step of each frame: without the values, whose printing would keep
// the compiler from inlining the comparisons.
void StreamState::CheckInvariants() const {
  MSGPROC_CHECK(reads_starting_ >= 0);
  MSGPROC_CHECK(!processing_ || read_in_flight_);
  MSGPROC_CHECK(!finish_waits_ || reads_starting_ > 0);
  MSGPROC_CHECK(drain_sent_ == !drained_for_.empty());
  if (phase_ != Phase::kFinished) return;
  MSGPROC_CHECK(!write_in_flight_);
  MSGPROC_CHECK(!gatherer_.marker_in_flight());
  MSGPROC_CHECK(!claiming_);
  MSGPROC_CHECK_EQ(reads_starting_, 0);
}

void StreamState::ChangePhase(Phase to, absl::string_view why) {
  // Phases never go back.
  MSGPROC_CHECK_LT(phase_, to);
  base::LogDebug(
      "stream phase",
      {{"from", PhaseName(phase_)}, {"to", PhaseName(to)}, {"why", why}});
  TellTransition("processor::StreamState", PhaseName(phase_), PhaseName(to));
  phase_ = to;
}

bool StreamState::OnRead(absl::Time now) {
  MSGPROC_CHECK(read_in_flight_);
  MSGPROC_CHECK(!processing_);
  MSGPROC_CHECK_GE(now, heard_);
  heard_ = now;
  gatherer_.OnFrame();
  if (phase_ == Phase::kFinished) return false;
  processing_ = true;
  return true;
}

void StreamState::OnOpened(bool anonymous, absl::string_view head) {
  MSGPROC_CHECK(processing_);
  anonymous_ = anonymous;
  // In front of a Drain that was quick.
  head_.insert(0, head.data(), head.size());
  if (phase_ == Phase::kOpening) ChangePhase(Phase::kOpen, "opened");
  CheckInvariants();
}

bool StreamState::OnClaiming() {
  MSGPROC_CHECK(processing_);
  claiming_ = phase_ != Phase::kFinished;
  return claiming_;
}

void StreamState::OnAnswered(absl::string_view head) {
  MSGPROC_CHECK(processing_);
  owes_response_ = true;
  head_.append(head.data(), head.size());
}

bool StreamState::OnProcessed(size_t messages, size_t bytes,
                              const absl::Status& status) {
  MSGPROC_CHECK(processing_);
  processing_ = claiming_ = false;
  read_in_flight_ = false;
  gathered_messages_ += messages;
  gathered_bytes_ += bytes;
  gatherer_.Consider(messages == 0 ? 0 : gathered_messages_, gathered_bytes_);
  CheckInvariants();
  if (status.ok()) {
    if (FearsSilence()) owes_response_ = true;
    return false;
  }
  return OnEnd(absl::IsAborted(status) ? End::kTakenOver : End::kViolation,
               status);
}

void StreamState::OnWritten() {
  MSGPROC_CHECK(write_in_flight_);
  MSGPROC_CHECK(phase_ != Phase::kFinished);
  write_in_flight_ = false;
  CheckInvariants();
}

bool StreamState::OnReadStarted() {
  MSGPROC_CHECK_GT(reads_starting_, 0);
  MSGPROC_CHECK(phase_ != Phase::kFinished);
  --reads_starting_;
  return reads_starting_ == 0 && std::exchange(finish_waits_, false);
}

void StreamState::OnMarkerReached() { gatherer_.OnReached(processing_); }

bool StreamState::GatherResults() {
  if (phase_ == Phase::kFinished || write_in_flight_ ||
      gatherer_.marker_in_flight()) {
    return false;
  }
  gatherer_.MarkOnly();
  return true;
}

bool StreamState::OnEnd(End end, absl::Status status) {
  // A half-close alone is no error.
  MSGPROC_CHECK_EQ(status.ok(), end == End::kHalfClose);
  if (phase_ == Phase::kFinished) return false;
  const bool first = Live();
  // The first reason stands, unless the end comes sooner now. What breaks
  // because it was cancelled here is not news.
  if (first || (end == End::kBroken && !cancelling_) ||
      (Cuts(end) && end_ == End::kHalfClose)) {
    end_ = end;
    status_ = std::move(status);
  }
  if (Cuts(end)) {
    if (phase_ != Phase::kCutting) ChangePhase(Phase::kCutting, EndName(end));
  } else if (first) {
    ChangePhase(Phase::kAnswering, EndName(end));
  }
  MSGPROC_CHECK(!Live());
  CheckInvariants();
  return phase_ == Phase::kAnswering;
}

bool StreamState::Drain(absl::string_view encoded, absl::string_view why) {
  if (drain_sent_ || !Live()) return false;
  MSGPROC_CHECK(!encoded.empty());
  MSGPROC_CHECK(!why.empty());
  drain_sent_ = true;
  drained_for_ = why;
  head_.append(encoded.data(), encoded.size());
  return true;
}

absl::string_view StreamState::Why() const {
  if (!status_.message().empty()) return status_.message();
  if (!status_.ok()) return EndName(end_);
  return drain_sent_ ? drained_for_ : "goodbye";
}

std::string StreamState::TakeHead() { return std::exchange(head_, ""); }

bool StreamState::MayRead(absl::FunctionRef<bool()> at_limit) const {
  return !read_in_flight_ && Live() && !at_limit();
}

bool StreamState::FearsSilence() const {
  if (phase_ != Phase::kOpen || anonymous_ || write_in_flight_) return false;
  // Half of its patience. A division of durations is dear, for each frame.
  const absl::Duration silent = heard_ - write_started_;
  return silent + silent >= patience_;
}

StreamState::Actions StreamState::NextActions(
    absl::Time now, absl::FunctionRef<bool()> at_limit,
    absl::FunctionRef<Supply()> take) {
  Actions actions;
  if (phase_ == Phase::kFinished) return actions;
  // What nothing can be added to is written.
  if (gatherer_.gathering() && !read_in_flight_ && !MayRead(at_limit)) {
    gatherer_.Stop();
  }
  if (!write_in_flight_ && !(gatherer_.gathering() && Live())) {
    DecideWrite(now, take, &actions);
  }
  // Behind the write, which may have made room.
  if (MayRead(at_limit)) {
    read_in_flight_ = true;
    ++reads_starting_;
    actions.read = true;
    // The client may have spoken long ago.
    if (withheld_) heard_ = now;
  }
  const bool withheld = Live() && !read_in_flight_;
  if (withheld && !withheld_) withheld_since_ = now;
  withheld_ = withheld;
  // Behind a read, which may have a frame already; without one in flight, once
  // that is.
  if (gatherer_.gathering() && !processing_ && read_in_flight_ && Live() &&
      !gatherer_.marker_in_flight()) {
    gatherer_.Mark();
    actions.mark = true;
  }
  // Nothing of gRPC's may be called behind the status.
  MSGPROC_CHECK(!actions.finish ||
                (!actions.write && !actions.read && !actions.mark));
  CheckInvariants();
  return actions;
}

void StreamState::DecideWrite(absl::Time now, absl::FunctionRef<Supply()> take,
                              Actions* actions) {
  const bool cut = phase_ == Phase::kCutting;
  Supply supply;
  if (!cut) supply = take();
  const bool head = !head_.empty() && !Deaf();
  if (supply.results > 0 || head || (owes_response_ && !cut)) {
    owes_response_ = false;
    gathered_messages_ = gathered_bytes_ = 0;
    write_in_flight_ = true;
    write_started_ = now;
    actions->write = true;
    return;
  }
  if (Live() || !supply.all_taken) return;
  if (reads_starting_ > 0) {
    finish_waits_ = true;
    return;
  }
  // They ask again.
  if (gatherer_.marker_in_flight() || claiming_) return;
  finished_at_ = now;
  ChangePhase(Phase::kFinished, EndName(end_));
  actions->finish = true;
}

StreamState::Verdict StreamState::OnTick(absl::Time now, bool starves) const {
  if (cancelling_) return Verdict::kPatient;
  if (write_in_flight_ && now - write_started_ > patience_) {
    return Verdict::kUnread;
  }
  if (MustSpeak() && now - heard_ > patience_) return Verdict::kSilent;
  if (starves && withheld_ && !write_in_flight_ &&
      now - withheld_since_ > std::min(patience_ / 3, kMostStarving)) {
    return Verdict::kStarved;
  }
  if (Live() && now >= credentials_expire_) return Verdict::kExpired;
  if (phase_ == Phase::kFinished && now - finished_at_ > patience_) {
    return Verdict::kUnfinished;
  }
  if (CanMove() && now >= aged_at_) return Verdict::kAged;
  return Verdict::kPatient;
}

std::string StreamState::Reproach(Verdict verdict, absl::Duration patience) {
  MSGPROC_CHECK(verdict != Verdict::kPatient && verdict != Verdict::kAged);
  switch (verdict) {
    case Verdict::kUnread:
      return absl::StrCat("The client has read nothing for ",
                          absl::FormatDuration(patience), ".");
    case Verdict::kSilent:
      return absl::StrCat("The client has been silent for ",
                          absl::FormatDuration(patience), ".");
    case Verdict::kStarved:
      return "There is no memory to read more of this session, which holds "
             "more "
             "than its share: open it again, with what was received.";
    case Verdict::kExpired:
      return "The client's token has expired, and no fresh one has come.";
    default:
      return "The client does not take the end of the stream.";
  }
}

absl::Time StreamState::NextTick(absl::Time now) const {
  // Whatever begins from now on.
  absl::Time next = now + patience_;
  if (Live() && !drain_sent_ && aged_at_ > now) next = std::min(next, aged_at_);
  if (cancelling_) return next;
  if (write_in_flight_) next = std::min(next, write_started_ + patience_);
  if (MustSpeak()) next = std::min(next, heard_ + patience_);
  if (Live()) next = std::min(next, credentials_expire_);
  if (phase_ == Phase::kFinished) {
    next = std::min(next, finished_at_ + patience_);
  }
  return next;
}

StateDump StreamState::Dump(absl::Time now) const {
  const auto since = [now](bool is_so, absl::Time begin) {
    return is_so ? When(begin, now) : std::string("never");
  };
  return StateDump(
      "processor::StreamState",
      {{"phase", PhaseName(phase_)},
       {"end", Live() ? "none" : EndName(end_)},
       {"status", Live() ? "" : Quoted(status_.ToString())},
       {"anonymous", anonymous_},
       {"cancelling", cancelling_},
       {"drained_for", drained_for_},
       {"read_in_flight", read_in_flight_},
       {"reads_starting", reads_starting_},
       {"processing", processing_},
       {"claiming", claiming_},
       {"withheld", withheld_},
       {"withheld_since", since(withheld_, withheld_since_)},
       {"heard", When(heard_, now)},
       {"write_in_flight", write_in_flight_},
       {"write_started", since(write_in_flight_, write_started_)},
       {"head_bytes", head_.size()},
       {"owes_response", owes_response_},
       {"gathering", gatherer_.gathering()},
       {"gathered_messages", gathered_messages_},
       {"gathered_bytes", gathered_bytes_},
       {"marker_in_flight", gatherer_.marker_in_flight()},
       {"finish_waits", finish_waits_},
       {"finished_at", since(phase_ == Phase::kFinished, finished_at_)},
       {"patience", patience_},
       {"next_tick", When(NextTick(now), now)},
       {"credentials_expire", When(credentials_expire_, now)},
       {"aged_at", When(aged_at_, now)}});
}

}  // namespace msgproc::processor
