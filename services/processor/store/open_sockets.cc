#include "services/processor/store/open_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace msgproc::processor {

OpenSockets::Entry::Entry(OpenSockets* sockets, int socket)
    : sockets_(sockets), socket_(fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
  MutexLock lock(&sockets_->mutex_);
  sockets_->entries_.insert(this);
  if (sockets_->cut_) Cut();
}

OpenSockets::Entry::~Entry() {
  MutexLock lock(&sockets_->mutex_);
  sockets_->entries_.erase(this);
}

void OpenSockets::Entry::Cut() const { shutdown(socket_.get(), SHUT_RDWR); }

void OpenSockets::Cut() {
  MutexLock lock(&mutex_);
  cut_ = true;
  for (const Entry* entry : entries_) entry->Cut();
}

}  // namespace msgproc::processor
