#ifndef MSGPROC_CLIENT_OUTBOX_STATE_H_
#define MSGPROC_CLIENT_OUTBOX_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/kept_session.h"

namespace msgproc::client {

// Decides what an outbox writes next, and what follows once it is on disk:
//
//   gone            kept           written now        waits for the next group
//   ------|---------------------|-----------------|--------------------|
//     results          messages       in flight                     taken
//
// Whatever comes while a transaction is in flight goes together into the next
// one, so that a lone message waits for one sync and a flood shares them. What
// is to go waits a little for a message to share its transaction, so that one
// who sends and waits pays for one sync a message, unless somebody waits for
// it.
//
// Four things bind what it lets others do. A message is sent once it is kept,
// and once it is kept that a server has answered (and which store it has): so
// nothing is ever done that a later start does not know of. The server is told
// of a result once its message is gone, and that goes once the callback has
// returned: so no result is forgotten anywhere that a later start would wait
// for. The session is finished once it is kept that it has ended.
//
// After an error nothing is written any more: what is on disk is what a later
// start finds. Pure: no threads, no files, times are handed in. Not
// thread-safe.
class OutboxState {
 public:
  // How long what is to go waits for a message to come along.
  static constexpr absl::Duration kLinger = absl::Milliseconds(2);

  // What one transaction writes.
  struct Group {
    // Messages `first` to `through`; through < first: none.
    uint64_t first = 1;
    uint64_t through = 0;
    // Messages up to here go; 0: none.
    uint64_t results = 0;
    // A server has answered, and keeps the session in `store_generation`.
    bool welcomed = false;
    std::string store_generation;
    bool ended = false;

    uint64_t messages() const { return through + 1 - first; }
  };

  // `kept`: what is on disk.
  explicit OutboxState(const KeptSession& kept);

  // The stream has taken `count` messages from `first` on. Threads that send
  // may come here in another order than to the stream.
  void OnTaken(uint64_t first, uint64_t count);
  // The callback has returned for the results up to `through`.
  void OnDelivered(uint64_t through, absl::Time now);
  // Somebody waits for what is to go: for room in the window, or for the end.
  void Hurry() { hurry_ = true; }
  // A server has answered.
  void OnWelcome(const std::string& store_generation);
  // The stream takes no message behind `last`.
  void OnClosed(uint64_t last);

  // What to write now; false: nothing, or a group is in flight. OnWritten or
  // OnFailed follows.
  [[nodiscard]] bool NextGroup(absl::Time now, Group* group);
  // When there will be something, if nothing happens before.
  absl::Time Due() const {
    return status_.ok() && delivered_through_ > gone_through_
               ? delivered_at_ + kLinger
               : absl::InfiniteFuture();
  }
  // The group in flight is on disk.
  void OnWritten();
  // It is not, or that is not known.
  void OnFailed(absl::Status why);

  // Whether the message is on disk, or was.
  bool IsKept(uint64_t sequence) const { return sequence <= kept_through_; }
  // How far it has come.
  KeptThrough kept() const {
    return {.messages = welcomed_ ? kept_through_ : 0,
            .results = gone_through_,
            .ended = ended_};
  }
  // Not OK: nothing is written any more, and why.
  const absl::Status& status() const { return status_; }

 private:
  void CheckInvariants() const;

  // On disk.
  uint64_t gone_through_;
  uint64_t kept_through_;
  bool welcomed_;
  std::string store_generation_;
  bool ended_ = false;

  // To be there.
  uint64_t taken_through_;
  uint64_t delivered_through_;
  absl::Time delivered_at_;  // The first that is not gone or going.
  bool hurry_ = false;
  bool answered_;
  std::string answered_generation_;
  std::optional<uint64_t> last_;  // Once closed.
  // Taken behind a gap: first to last of each run.
  std::map<uint64_t, uint64_t> ahead_;

  bool in_flight_ = false;
  Group group_;  // In flight.
  absl::Status status_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_OUTBOX_STATE_H_
