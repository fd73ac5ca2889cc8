#ifndef MSGPROC_TESTS_SIMULATION_CHECKER_H_
#define MSGPROC_TESTS_SIMULATION_CHECKER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc::simulation {

// Judges a run by the promises of processor.proto and docs/durability.md, from
// what the callers of clients and the handlers have seen, and nothing else. It
// shares no code with the product. Sessions are numbered, those that clients
// begin with and then each that one begins instead.
//
//   one-result   each message gets exactly one result
//   in-order     results come in the order of the messages
//   its-own      a result is that of its message
//   at-least-once  a message with a result was handled
//   exactly-once its effect in the store is there once
//   no-rerun     a server that has welcomed a client does not handle again what
//                the client had a result of then; in memory: if it was the last
//                to handle it (what it had accepted, and another server has
//                answered, it may be at still)
//   once-kept    with a store nothing is LOST
//   durable      with a store a result is committed before it leaves
//   told         a client that knows more of its session than the store, or
//                knows it from another one, is told DATA_LOSS, and nobody else
//   attempts     a message is given up after so many tries, none before; each
//                try says the how-manieth it is
//   expiry       a session that was in use is not forgotten
//   outbox       after a crash a message is there for which Send had returned,
//                and its result comes again if the callback had not; what is
//                not there has been seen by nobody
//   window       nothing is handled that is further ahead of what its client
//   has
//                read than the window
//   held         handlers pause while a client reads nothing: what a server has
//                of results that its client has not read is bounded, a session
//   memory       and so is what it has of all clients' together
//   unread       a server gives a client up that takes nothing for so long
//   others       whoever reads has its results in time while others do not
//   liveness     once the trouble is over, everything is answered in time
class Checker {
 public:
  // What a server has at most, with what its handlers are at.
  struct Bounds {
    uint64_t window = UINT64_MAX;  // Messages of a session.
    // Of results that clients have not read.
    size_t session_bytes = SIZE_MAX;
    size_t server_bytes = SIZE_MAX;
  };

  // `stored`: sessions are kept in a store.
  Checker(int clients, bool stored, const Bounds& bounds)
      : clients_(clients), stored_(stored), bounds_(bounds) {}
  Checker(int clients, bool stored) : Checker(clients, stored, Bounds()) {}

  // A caller of a client.
  void OnSent(int client, uint64_t sequence, absl::string_view payload);
  void OnResult(int client, uint64_t sequence, bool ok,
                absl::string_view payload);
  // Results up to there have come; the callback may have none of them yet.
  void OnArrived(int client, uint64_t through);
  // It has said everything: what is written to it is not kept any more, and
  // nobody sees how much that is.
  void OnHalfClosed(int client) {
    clients_.at(static_cast<size_t>(client)).half_closed = true;
  }
  // It sends an Open.
  void OnOpened(int client, absl::Time now);
  // A server answered its Open. `lost`: it has nothing of the session.
  void OnWelcome(int client, const std::string& server, bool lost,
                 const std::string& store_generation);
  // The stream's end; `why` is empty if it was in order.
  void OnClosed(int client, absl::string_view why);

  // A client begins another session, whose number it is.
  int AddSession();
  // It crashed and has no outbox: the session is nobody's any more.
  void OnAbandoned(int client);
  // With an outbox. Send has returned for messages up to `through`; the
  // callback has, for results up to `through`.
  void OnSendReturned(int client, uint64_t through);
  void OnReturned(int client, uint64_t through);
  // It crashed: as the next start finds it, results up to `received` do not
  // come again, and messages from `next` on are not there.
  // `welcomed`: it knows that it was.
  void OnReopened(int client, uint64_t received, uint64_t next, bool welcomed);
  // Its stream ended with DATA_LOSS; because the session has expired.
  void OnTold(int client, absl::string_view why);
  void OnExpired(int client, absl::Time now, absl::Duration retention,
                 absl::string_view why);

  // The store: has a session now, has results of it up to `through`; has lost
  // what it had but for these sessions, with results up to there.
  void OnCreated(int client);
  void OnCommitted(int client, uint64_t through);
  void OnStoreLost(const std::string& generation,
                   const std::map<int, uint64_t>& committed);

  // Its clock is set.
  void OnClockStep(absl::Duration by) {
    stepped_ += std::max(by, absl::ZeroDuration());
  }

  // A handler was called, on a server.
  void OnHandled(const std::string& server, int client, uint64_t sequence,
                 absl::string_view payload);
  // It has had its tries: its result is an error.
  void OnGivenUp(int client, uint64_t sequence);
  static std::string ResultOf(absl::string_view payload);

  // When all is over: by client and sequence, how often its effect is in the
  // store. Not without one.
  void OnEffects(const std::map<std::pair<int, uint64_t>, int>& effects);
  void OnEnd(bool in_time);

  // The first rule that was broken, and how; empty: none.
  const std::string& violation() const { return violation_; }
  bool ok() const { return violation_.empty(); }
  // Anything that no rule has a name for, such as a status nobody expects.
  void Fail(absl::string_view rule, absl::string_view what);

  bool AllClosed() const;
  uint64_t results() const { return results_; }
  uint64_t handled() const { return handled_; }

 private:
  struct Message {
    std::string payload;
    uint64_t handled = 0;
    std::string handled_by;  // Last.
    bool given_up = false;
    uint64_t answered_at = 0;  // A step; 0: it is not.
    // It was handled, and the result has not come.
    bool unread = false;

    size_t result_bytes() const { return ResultOf(payload).size(); }
  };
  struct Client {
    std::vector<Message> messages;  // By sequence, from 1.
    uint64_t received = 0;
    uint64_t arrived = 0;
    size_t unread_bytes = 0;
    bool half_closed = false;
    std::string home;  // Who welcomed it last.
    // With an outbox: of Send and of the callback.
    uint64_t returned_sends = 0;
    uint64_t returned_results = 0;
    // By server: the step of its last Welcome.
    std::map<std::string, uint64_t> welcomed_at;
    bool closed = false;
    bool abandoned = false;

    // Its Opens: when the last was sent, and the last that was answered.
    uint64_t opened_at = 0;
    absl::Time opened;
    uint64_t used_at = 0;
    absl::Time used;
    // What it knows: that it was welcomed, by which store.
    bool welcomed = false;
    std::string generation;
    // What the store has had of it since it was lost, and ever.
    bool in_store = false;
    uint64_t committed = 0;
    uint64_t ever_committed = 0;
  };

  void CheckBounds(const std::string& server, int client, uint64_t sequence);
  // Whether it can know that the store has lost something of its session.
  bool KnowsMore(const Client& of) const;
  Message* Find(int client, uint64_t sequence, absl::string_view who);

  std::vector<Client> clients_;
  const bool stored_;
  const Bounds bounds_;
  std::string violation_;
  std::string generation_;  // Since it was lost.
  uint64_t step_ = 0;
  absl::Duration stepped_;  // The store's clock, forward.
  uint64_t lost_at_ = 0;    // The store, last.
  uint64_t results_ = 0;
  uint64_t handled_ = 0;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_CHECKER_H_
