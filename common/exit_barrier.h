#ifndef MSGPROC_COMMON_EXIT_BARRIER_H_
#define MSGPROC_COMMON_EXIT_BARRIER_H_

#include <mutex>

#include "absl/time/time.h"

namespace msgproc {

// Keeps a process that ends itself at once from cutting in two what must be
// whole: a program that was started, and that nobody knows of yet who would
// stop it. Thread-safe.
class ExitBarrier {
 public:
  // Held over such a step, which is short.
  class Step {
   public:
    Step() : lock_(mutex) {}

   private:
    const std::unique_lock<std::timed_mutex> lock_;
  };

  // Ends the process, without destructors or hooks, once no step is under way,
  // or after `patience`.
  [[noreturn]] static void Exit(
      int code, absl::Duration patience = absl::Milliseconds(500));

 private:
  static std::timed_mutex mutex;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_EXIT_BARRIER_H_
