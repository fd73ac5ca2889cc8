// Reads a guarded member without its lock. No part of any build: tools/lint
// makes sure that clang's thread safety analysis objects to this file, and so
// that it looks at the others.
#include "common/mutex.h"

namespace msgproc {

class Account {
 public:
  int balance() const { return balance_; }  // Wrong on purpose.

 private:
  mutable Mutex mutex_;
  int balance_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

int ReadWithoutTheLock() { return Account().balance(); }

}  // namespace msgproc
