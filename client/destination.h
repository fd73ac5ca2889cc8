#ifndef MSGPROC_CLIENT_DESTINATION_H_
#define MSGPROC_CLIENT_DESTINATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/reconnect_policy.h"
#include "common/check.h"

namespace msgproc::client {

// Where a stream connects next, and when. Pure; not thread-safe.
class Destination {
 public:
  // The first connection is wanted from `now` on.
  Destination(const ReconnectPolicy::Options& options, absl::Time now)
      : policy_(options, now), when_(now) {}

  // An address was found, or none, and why; `random` is uniform.
  void OnLocated(std::string address, absl::Time now);
  // The connection, or the attempt at one, failed.
  void OnFailed(absl::Status why, absl::Time now, uint64_t random);
  // The server asked to move: to `address`, or anywhere else where that is
  // empty.
  void OnMoved(const std::string& address, absl::Time now, uint64_t random);
  // A server answered; a result came.
  void OnConnected(absl::Time now);
  void OnResult() { policy_.OnResult(); }
  // It is connected to from now on; where to go next is not known.
  void OnUsed() {
    MSGPROC_CHECK(located_);
    located_ = false;
  }

  // Whether address() is where to connect next.
  bool located() const { return located_; }
  // The one in use, or used last.
  const std::string& address() const { return address_; }
  absl::Time when() const { return when_; }
  // Addresses that just failed, or asked the stream to leave.
  const std::vector<std::string>& failed() const { return failed_; }
  // When the stream gives up unless a server answers.
  absl::Time give_up_at() const { return policy_.give_up_at(); }
  // "; the last attempt …", or nothing.
  std::string LastFailure() const;

 private:
  void Avoid();

  ReconnectPolicy policy_;
  absl::Time when_;
  std::string address_;
  bool located_ = false;
  std::vector<std::string> failed_;
  absl::Status last_failure_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_DESTINATION_H_
