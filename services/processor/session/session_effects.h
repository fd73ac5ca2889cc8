#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EFFECTS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EFFECTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "services/processor/handlers/message_effects.h"

namespace msgproc::processor {

// What a session's results do to the store, by the positions of their messages,
// until they are committed. Pure; not thread-safe.
class SessionEffects {
 public:
  // Most statements of one commit, but for those of one message: more would
  // hold up other sessions' commits, and whoever waits for the same rows.
  static constexpr uint64_t kMaxStatements = 256;

  // Takes them over, each of another message. `effects` is left empty.
  void Add(std::vector<SharedEffects>* effects);

  // How many results from `first` on fit into one commit of so many bytes, as
  // far as their effects tell; at least one.
  uint64_t FitFrom(uint64_t first, size_t max_bytes) const;
  // Those of the messages `first` to `through`, in order.
  std::vector<SharedEffects> Of(uint64_t first, uint64_t through) const;

  // They are committed up to here.
  void ForgetThrough(uint64_t position);
  void Clear();

  // What they hold in memory, about.
  size_t bytes() const { return bytes_; }

 private:
  std::map<uint64_t, SharedEffects> by_position_;
  size_t bytes_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EFFECTS_H_
