#ifndef MSGPROC_CLIENT_CALLBACK_SCOPE_H_
#define MSGPROC_CLIENT_CALLBACK_SCOPE_H_

#include <utility>

namespace msgproc::client {

// Marks the calling thread as running a callback of `stream`: there no call of
// any stream may block, and what is sent on the stream itself waits for the end
// of the frame.
class CallbackScope {
 public:
  explicit CallbackScope(const void* stream)
      : before_(std::exchange(current_, stream)) {}
  ~CallbackScope() { current_ = before_; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  // The stream whose callback runs on this thread, or null.
  static const void* Current() { return current_; }

 private:
  static inline thread_local const void* current_ = nullptr;

  const void* const before_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CALLBACK_SCOPE_H_
