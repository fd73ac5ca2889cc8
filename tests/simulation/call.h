#ifndef MSGPROC_TESTS_SIMULATION_CALL_H_
#define MSGPROC_TESTS_SIMULATION_CALL_H_

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/host.h"
#include "tests/simulation/network.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

// One call of Process, as gRPC makes it of a connection: frames each way, in
// order, with flow control; half-close; the status; and the end without one,
// which the two ends learn of at different times, or not at all.
//
// Between them may be a relay, as NGINX is one: it takes more of what an end
// writes than the other end has read, tells each end of the other's end, and
// cuts a call over which one says nothing for long.
//
// Each end has at most one read and one write in flight. Callbacks come as
// events of the end's host.
class Call : public std::enable_shared_from_this<Call> {
 public:
  // What an end is told.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnFrame(std::string bytes) = 0;
    // The other end has half-closed or given its status; or the call is broken.
    virtual void OnReadEnded() = 0;
    virtual void OnWritten(bool ok) = 0;
    // The call broke: what is in flight ends as well.
    virtual void OnBroken() {}
  };
  enum Side : size_t { kClient = 0, kServer = 1 };

  struct Place {
    std::string name;
    Host* host = nullptr;
  };

  // `idle`: after which a relay cuts the call; zero: there is none.
  Call(EventLoop* loop, Network* network, Random random, Place client,
       Place server, absl::Duration idle)
      : loop_(loop), network_(network), random_(random), idle_(idle) {
    ends_[kClient].place = std::move(client);
    ends_[kServer].place = std::move(server);
  }

  // The relay begins to look whether it is idle.
  void Start() {
    if (!relayed()) return;
    LookWhetherIdle(kClient);
    LookWhetherIdle(kServer);
  }
  // Null: the end is there no more, and is told nothing.
  void Listen(Side side, Listener* listener) {
    ends_[side].listener = listener;
  }

  void Read(Side side);
  // Nothing follows if `last`.
  void Write(Side side, std::string bytes, bool last = false);
  void HalfClose() { Send(kClient, {.end = true}); }
  // The server's last word, behind what it has written.
  void Finish(absl::Status status);
  // The end gives the call up; the other one hears of it.
  void Cancel(Side side);

  // An end learns that the connection is gone, and from whom: itself.
  void Break(Side side, absl::Duration delay);
  // The connection is reset: both learn of it.
  void Reset() {
    Break(kClient, network_->Latency());
    Break(kServer, network_->Latency());
  }
  // An end's process, or its machine, is gone. `silently`: nobody tells the
  // other end.
  void Lose(Side side, bool silently) {
    Listen(side, nullptr);
    ends_[side].broken = true;
    if (!silently) Break(Other(side), Latency());
  }

  bool broken(Side side) const { return ends_[side].broken; }
  // Whether the end is still to be told of something, as far as is known.
  bool Owes(Side side) const {
    const End& end = ends_[side];
    return end.reading || end.writing || end.untold > 0;
  }
  // When what the end was given last had come; it may have been read late.
  absl::Time came(Side side) const { return ends_[side].came; }
  // Of the call, for the client, once it has read to the end.
  const absl::Status& status() const { return status_; }

 private:
  struct Frame {
    std::string bytes;
    bool end = false;
    absl::Time came;
    absl::Status status;
  };
  struct End {
    Place place;
    Listener* listener = nullptr;
    std::deque<Frame> arrived;
    absl::Time next_arrival = absl::InfinitePast();
    bool reading = false;
    bool read_ended = false;
    bool writing = false;
    bool write_blocked = false;  // By the other end, which does not read.
    bool broken = false;
    absl::Time came;
    absl::Time moved;     // Of what it writes: last, anything at the relay.
    bool silent = false;  // It has half-closed, or given its status.
    int untold = 0;       // Events that the listener has not had yet.
  };
  // Frames that wait to be read before a writer has to wait.
  static constexpr size_t kWindowFrames = 4;
  static constexpr size_t kRelayFrames = 8;

  static Side Other(Side side) { return side == kClient ? kServer : kClient; }
  bool relayed() const { return idle_ > absl::ZeroDuration(); }
  size_t WindowFrames() const {
    return relayed() ? kWindowFrames + kRelayFrames : kWindowFrames;
  }
  // What is between the two ends takes.
  absl::Duration Latency() {
    const absl::Duration latency = network_->Latency();
    return relayed() ? latency + network_->Latency() : latency;
  }
  // Of what this end writes.
  void LookWhetherIdle(Side from);
  // What a client is told whose relay has lost the server.
  absl::Status Lost() const;
  void Tell(Side side, std::function<void(Listener*)> what);
  void Send(Side from, Frame frame);
  void Arrive(Side side, Frame frame);
  void Deliver(Side side);
  void EndWrite(Side side, bool ok);
  void LearnBroken(Side side, absl::Status status);

  EventLoop* const loop_;
  Network* const network_;
  Random random_;
  const absl::Duration idle_;
  bool answered_ = false;  // The client has got something.
  std::array<End, 2> ends_;
  absl::Status status_ = absl::UnavailableError("the connection was lost");
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_CALL_H_
