#include "tests/simulation/call.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::simulation {
namespace {

// A thread takes this long at most to do what it was told.
constexpr absl::Duration kThread = absl::Microseconds(30);
// TCP tries again.
constexpr absl::Duration kRetransmission = absl::Milliseconds(200);

}  // namespace

void Call::Tell(Side side, std::function<void(Listener*)> what) {
  if (ends_[side].listener == nullptr) return;
  ++ends_[side].untold;
  ends_[side].place.host->After(
      random_.UpTo(kThread),
      [self = shared_from_this(), side, what = std::move(what)] {
        --self->ends_[side].untold;
        if (self->ends_[side].listener != nullptr) {
          what(self->ends_[side].listener);
        }
      });
}

void Call::Read(Side side) {
  End& end = ends_[side];
  MSGPROC_CHECK(!end.reading);
  end.reading = true;
  Deliver(side);
}

void Call::Write(Side side, std::string bytes, bool last) {
  End& end = ends_[side];
  MSGPROC_CHECK(!end.writing);
  end.writing = true;
  if (end.broken) return EndWrite(side, false);
  Send(side, {.bytes = std::move(bytes)});
  if (last) Send(side, {.end = true});
}

void Call::Finish(absl::Status status) {
  Send(kServer, {.end = true, .status = std::move(status)});
  // What is being read comes back.
  if (ends_[kServer].reading) {
    ends_[kServer].reading = false;
    Tell(kServer, [](Listener* listener) { listener->OnReadEnded(); });
  }
}

void Call::Send(Side from, Frame frame) {
  End& to = ends_[Other(from)];
  to.next_arrival = std::max(to.next_arrival, loop_->now() + Latency());
  loop_->At(to.next_arrival, [self = shared_from_this(), from,
                              frame = std::move(frame)]() mutable {
    self->Arrive(Other(from), std::move(frame));
  });
}

void Call::Arrive(Side side, Frame frame) {
  End& end = ends_[side];
  const Side from = Other(side);
  // A sender that broke off has sent a reset behind it, or there is nobody.
  if (end.broken || end.listener == nullptr) return;
  if (network_->Blocked(ends_[from].place.name, end.place.name)) {
    end.next_arrival =
        std::max(end.next_arrival, loop_->now() + kRetransmission);
    loop_->At(end.next_arrival, [self = shared_from_this(), side,
                                 frame = std::move(frame)]() mutable {
      self->Arrive(side, std::move(frame));
    });
    return;
  }
  const bool written = !frame.end;
  ends_[from].moved = loop_->now();
  if (!written) ends_[from].silent = true;
  frame.came = loop_->now();
  end.arrived.push_back(std::move(frame));
  if (written) {
    if (end.arrived.size() > WindowFrames()) {
      ends_[from].write_blocked = true;
    } else {
      EndWrite(from, true);
    }
  }
  Deliver(side);
}

void Call::EndWrite(Side side, bool ok) {
  End& end = ends_[side];
  if (!std::exchange(end.writing, false)) return;
  end.write_blocked = false;
  Tell(side, [ok](Listener* listener) { listener->OnWritten(ok); });
}

void Call::Deliver(Side side) {
  End& end = ends_[side];
  if (!end.reading) return;
  if (end.broken || end.read_ended) {
    end.reading = false;
    return Tell(side, [](Listener* listener) { listener->OnReadEnded(); });
  }
  if (end.arrived.empty()) return;
  Frame frame = std::move(end.arrived.front());
  end.arrived.pop_front();
  end.came = frame.came;
  end.reading = false;
  ends_[Other(side)].moved = loop_->now();
  if (side == kClient) answered_ = true;
  if (frame.end) {
    end.read_ended = true;
    if (side == kClient) status_ = std::move(frame.status);
    return Tell(side, [](Listener* listener) { listener->OnReadEnded(); });
  }
  End& writer = ends_[Other(side)];
  if (writer.write_blocked && end.arrived.size() <= WindowFrames()) {
    EndWrite(Other(side), true);
  }
  Tell(side, [bytes = std::move(frame.bytes)](Listener* listener) mutable {
    listener->OnFrame(std::move(bytes));
  });
}

void Call::Cancel(Side side) {
  LearnBroken(side, absl::CancelledError("cancelled"));
  Break(Other(side), Latency());
}

void Call::Break(Side side, absl::Duration delay) {
  loop_->After(delay, [self = shared_from_this(), side] {
    const End& end = self->ends_[side];
    if (end.broken) return;
    if (self->network_->Blocked(self->ends_[Other(side)].place.name,
                                end.place.name)) {
      return self->Break(side, kRetransmission);
    }
    self->LearnBroken(side, self->Lost());
    // The relay hangs up on the other one, too.
    if (self->relayed() && !self->ends_[Other(side)].broken) {
      self->Break(Other(side), self->network_->Latency());
    }
  });
}

// As NGINX does: 502 before the headers, which it holds until the first
// message, and a reset of the stream behind them.
absl::Status Call::Lost() const {
  return relayed() && answered_
             ? absl::InternalError("the relay has reset the stream")
             : absl::UnavailableError("the connection was lost");
}

void Call::LookWhetherIdle(Side from) {
  End& end = ends_[from];
  if (ends_[kClient].broken && ends_[kServer].broken) return;
  if (end.silent || ends_[kServer].silent) return;
  if (end.moved == absl::Time()) end.moved = loop_->now();
  const absl::Duration left = end.moved + idle_ - loop_->now();
  if (left <= absl::ZeroDuration()) {
    Break(kClient, network_->Latency());
    return Break(kServer, network_->Latency());
  }
  loop_->After(
      left, [self = shared_from_this(), from] { self->LookWhetherIdle(from); });
}

void Call::LearnBroken(Side side, absl::Status status) {
  End& end = ends_[side];
  if (std::exchange(end.broken, true)) return;
  if (side == kClient && !end.read_ended) status_ = std::move(status);
  end.arrived.clear();
  Tell(side, [](Listener* listener) { listener->OnBroken(); });
  if (end.writing) EndWrite(side, false);
  Deliver(side);
}

}  // namespace msgproc::simulation
