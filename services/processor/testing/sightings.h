#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_SIGHTINGS_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_SIGHTINGS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "absl/strings/string_view.h"

namespace msgproc::processor {

// How often handlers saw each payload, known by its hash. Thread-safe, and in
// shared memory between processes of one program too. A test that has more
// different payloads than there is room for ends at once.
class Sightings {
 public:
  void Add(absl::string_view payload) { ++Find(payload).times; }
  int of(absl::string_view payload) const {
    // Looking makes an entry that says 0.
    return const_cast<Sightings*>(this)->Find(payload).times;
  }

 private:
  static constexpr size_t kEntries = size_t{1} << 16;

  struct Entry {
    std::atomic<uint64_t> hash{0};  // 0: free.
    std::atomic<int> times{0};
  };

  Entry& Find(absl::string_view payload) {
    const uint64_t hash =
        std::hash<std::string_view>()({payload.data(), payload.size()}) | 1;
    for (size_t i = 0; i < kEntries; ++i) {
      Entry& entry = entries_[((hash >> 1) + i) % kEntries];
      uint64_t holds = 0;
      if (entry.hash.compare_exchange_strong(holds, hash) || holds == hash) {
        return entry;
      }
    }
    std::abort();
  }

  std::array<Entry, kEntries> entries_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_SIGHTINGS_H_
