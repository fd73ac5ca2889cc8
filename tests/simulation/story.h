#ifndef MSGPROC_TESTS_SIMULATION_STORY_H_
#define MSGPROC_TESTS_SIMULATION_STORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/simulation/event_loop.h"

namespace msgproc::simulation {

// What has happened, for people, in terms of the protocol: the last few hundred
// lines. And its fingerprint, which is the same for the same seed.
class Story {
 public:
  explicit Story(const EventLoop* loop) : loop_(loop) {}

  template <typename... Parts>
  void Tell(absl::string_view who, const Parts&... what) {
    std::string line =
        absl::StrCat(absl::FormatDuration(
                         absl::Trunc(loop_->passed(), absl::Microseconds(1))),
                     "  ", who, " ", what...);
    for (const char c : line) {  // FNV-1a.
      fingerprint_ =
          (fingerprint_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    if (lines_.size() == kMostLines) {
      lines_.pop_front();
      ++left_out_;
    }
    lines_.push_back(std::move(line));
  }

  uint64_t fingerprint() const { return fingerprint_; }
  std::string text() const {
    std::string text;
    if (left_out_ > 0) {
      absl::StrAppend(&text, "  (", left_out_, " lines before)\n");
    }
    for (const std::string& line : lines_) {
      absl::StrAppend(&text, "  ", line, "\n");
    }
    return text;
  }

 private:
  static constexpr size_t kMostLines = 400;

  const EventLoop* const loop_;
  std::deque<std::string> lines_;
  uint64_t left_out_ = 0;
  uint64_t fingerprint_ = 0xcbf29ce484222325;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_STORY_H_
