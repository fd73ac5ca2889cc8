#ifndef MSGPROC_CLIENT_RECONNECT_POLICY_H_
#define MSGPROC_CLIENT_RECONNECT_POLICY_H_

#include <cstdint>

#include "absl/time/time.h"

namespace msgproc::client {

// When and where to connect next: after a break the same address once, at once;
// then with full-jitter exponential backoff ("Exponential Backoff And Jitter",
// M. Brooker, 2015), wherever the address source says. A connection that broke
// before it was of any use does not count as one, so a server that welcomes and
// fails is not asked without pause.
//
// Pure; not thread-safe.
class ReconnectPolicy {
 public:
  struct Options {
    absl::Duration initial_backoff = absl::Milliseconds(50);
    absl::Duration max_backoff = absl::Seconds(5);
    absl::Duration give_up_after = absl::InfiniteDuration();
  };

  struct Attempt {
    absl::Time when;
    bool same_address = false;
  };

  // The first connection is wanted from `now` on.
  ReconnectPolicy(const Options& options, absl::Time now)
      : options_(options), without_server_since_(now) {}

  // A server answered.
  void OnConnected(absl::Time now) {
    connected_ = true;
    connected_since_ = now;
    useful_ = false;
  }
  // A result came.
  void OnResult() { useful_ = true; }

  // The connection, or the attempt at one, failed. `random` is uniform.
  Attempt OnFailed(absl::Time now, uint64_t random);

  // The server asked to move elsewhere, and the connection has ended for that.
  Attempt OnMoved(absl::Time now, uint64_t random);

  // When the stream gives up unless a server answers.
  absl::Time give_up_at() const {
    return connected_ ? absl::InfiniteFuture()
                      : without_server_since_ + options_.give_up_after;
  }

 private:
  // Ends the connection; whether it was of any use.
  bool Disconnect(absl::Time now);
  absl::Time Backoff(absl::Time now, uint64_t random);

  const Options options_;
  bool connected_ = false;
  bool useful_ = false;
  absl::Time connected_since_;
  absl::Time without_server_since_;
  int failures_ = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RECONNECT_POLICY_H_
