#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COUNTERS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/base/atomic_histogram.h"

namespace msgproc::processor {

// Why a group or a claim had to be tried again.
enum class StoreRetry {
  kConflict,     // A deadlock, a serialization failure.
  kUnavailable,  // The store could not be reached.
  kAmbiguous,    // The answer to a COMMIT was lost.
  kFull,         // No space, or a bound of the store.
  kRefused,      // Read-only.
  kInternal,     // Anything else.
  kCount,
};

inline constexpr size_t kStoreRetries = static_cast<size_t>(StoreRetry::kCount);

inline absl::string_view StoreRetryName(StoreRetry retry) {
  constexpr absl::string_view kNames[kStoreRetries] = {
      "conflict", "unavailable", "ambiguous", "full", "refused", "internal"};
  return kNames[static_cast<size_t>(retry)];
}

// By the codes that session_store.h lists.
inline StoreRetry StoreRetryOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAborted:
      return StoreRetry::kConflict;
    case absl::StatusCode::kUnavailable:
      return StoreRetry::kUnavailable;
    case absl::StatusCode::kUnknown:
      return StoreRetry::kAmbiguous;
    case absl::StatusCode::kResourceExhausted:
      return StoreRetry::kFull;
    case absl::StatusCode::kPermissionDenied:
      return StoreRetry::kRefused;
    default:
      return StoreRetry::kInternal;
  }
}

// What happens at the store. Thread-safe.
struct StoreCounters {
  void Retry(StoreRetry why) {
    retries[static_cast<size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> sessions_committed{0};
  std::atomic<uint64_t> bytes_committed{0};
  // Sessions that another process had taken, as a commit found out.
  std::atomic<uint64_t> fenced{0};
  std::atomic<uint64_t> claims_created{0};
  std::atomic<uint64_t> claims_taken{0};
  std::atomic<uint64_t> claims_kept{0};
  std::atomic<uint64_t> claims_refused{0};
  std::atomic<uint64_t> claims_lost{0};
  std::array<std::atomic<uint64_t>, kStoreRetries> retries{};
  std::atomic<uint64_t> expired{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> sessions{0};

  // One commit, with what is done in it: from 50 µs to 13 s.
  base::AtomicHistogram commit_seconds{
      base::AtomicHistogram::Exponential(5e-5, 2, 19)};
  base::AtomicHistogram group_sessions{
      base::AtomicHistogram::Exponential(1, 2, 9)};
  base::AtomicHistogram group_messages{
      base::AtomicHistogram::Exponential(1, 4, 9)};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COUNTERS_H_
