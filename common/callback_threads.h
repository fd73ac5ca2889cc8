#ifndef MSGPROC_COMMON_CALLBACK_THREADS_H_
#define MSGPROC_COMMON_CALLBACK_THREADS_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace msgproc {

// Keeps one of gRPC's callback threads polling and parks the others, as long as
// one is enough.
//
// gRPC runs all callbacks of a process on max(2, cores / 2) threads, 16 at
// most, that wait on one queue of completions. One of them polls the sockets;
// each event makes it hand polling to the next one, which has to be woken, and
// then run what has happened. Events that follow one another closely cost a
// fraction where there is nobody to hand over to: what has happened is run, and
// what has come meanwhile is found without sleeping. (The trade between
// leader/followers and a single reactor: Schmidt et al., Pattern-Oriented
// Software Architecture, volume 2.)
//
// A thread is parked by a callback that does not return: nothing inside gRPC is
// touched. A thread of this class looks every `look_interval` whether a
// callback of its own is run within `patience`. Where it is not, because
// callbacks take their time or block, a parked thread returns to its work; when
// nothing of the kind was seen for `relief`, it is parked again. The same where
// those at work are busy all the time while the machine has cores to spare:
// then a thread more is worth what handing over costs. So callbacks that block
// hold up others for look_interval + patience, once, where without this class
// gRPC would have had threads to spare.
//
// Looking has another use: in gRPC 1.51 a callback thread that has had nothing
// to do for a second then sleeps 100 ms, and so would what comes meanwhile.
//
// One a process, made by its main program; a library must leave this to the
// program. Made at any time; destroyed before main returns, on a thread that is
// not gRPC's. Thread-safe.
class CallbackThreads {
 public:
  struct Options {
    absl::Duration look_interval = absl::Milliseconds(100);
    absl::Duration patience = absl::Milliseconds(5);
    absl::Duration relief = absl::Milliseconds(250);
    // Of its time, from which on a thread at work counts as busy all the time.
    double saturation = 0.9;
    // Idle cores since the last call, that this process may use.
    std::function<double()> spare_cores;  // Empty: SpareCores.
  };

  CallbackThreads();
  explicit CallbackThreads(const Options& options);
  ~CallbackThreads();
  CallbackThreads(const CallbackThreads&) = delete;
  CallbackThreads& operator=(const CallbackThreads&) = delete;

  // How many are parked now.
  int parked() const;

 private:
  class Warden;
  std::unique_ptr<Warden> warden_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_CALLBACK_THREADS_H_
