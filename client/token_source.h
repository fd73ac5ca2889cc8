#ifndef MSGPROC_CLIENT_TOKEN_SOURCE_H_
#define MSGPROC_CLIENT_TOKEN_SOURCE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace msgproc::client {

// Asks the user's token_provider, on a thread that all sources of the process
// share, so that it may block. Thread-safe.
class TokenSource {
 public:
  using Provider = std::function<absl::StatusOr<std::string>()>;
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  explicit TokenSource(Provider provider);
  // Waits for a call of the provider that is under way; no `done` is called
  // once it has returned. Must not run inside `done`.
  ~TokenSource();

  // Calls `done` once, on that thread: with a token that can stand in a call's
  // metadata; with the provider's error; or with INVALID_ARGUMENT for what
  // cannot stand there. One at a time.
  void Fetch(Done done);

 private:
  friend class TokenThread;

  const Provider provider_;
  Done done_;  // TokenThread's.
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TOKEN_SOURCE_H_
