#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_SOCKETS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_SOCKETS_H_

#include <memory>
#include <set>

#include "common/mutex.h"
#include "common/thread_annotations.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

// The sockets of a store's connections, so that those can be cut off whose
// threads wait for an answer that does not come. Thread-safe.
class OpenSockets {
 public:
  // Says that a socket is open while it lives; not longer than `sockets`. The
  // socket may be closed before: this is a descriptor of its own.
  class Entry {
   public:
    Entry(OpenSockets* sockets, int socket);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    friend class OpenSockets;
    void Cut() const;

    OpenSockets* const sockets_;
    const base::UniqueFd socket_;
  };

  // Ends what is said on them, and on those that are opened from now on.
  void Cut();

 private:
  Mutex mutex_;
  std::set<const Entry*> entries_ MSGPROC_GUARDED_BY(mutex_);
  bool cut_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_SOCKETS_H_
