#include "benchmarks/allocation_sites.h"

#include <execinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>

// The program begins here (ld(1)): what addr2line counts from.
extern "C" const char __executable_start;  // NOLINT

namespace msgproc::benchmarks {
namespace {

constexpr size_t kFrames = 8;
constexpr size_t kSkip = 3;  // NoteAllocation, who counts, malloc.
constexpr size_t kSites = 4096;

struct Site {
  std::array<void*, kFrames> frames{};
  uint64_t count = 0;
};

std::mutex mutex;
std::atomic<bool> counting{false};
std::array<Site, kSites> sites;
thread_local bool inside = false;

void CountSite(const std::array<void*, kFrames>& frames) {
  uintptr_t hash = 0;
  for (void* frame : frames) {
    hash = (hash ^ reinterpret_cast<uintptr_t>(frame)) * 0x9E3779B97F4A7C15U;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  for (size_t i = 0; i < kSites; ++i) {
    Site& site = sites[((hash >> 32) + i) % kSites];
    if (site.count == 0) site.frames = frames;
    if (site.frames != frames) continue;
    ++site.count;
    return;
  }
}

}  // namespace

void NoteAllocation() {
  if (!counting.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  std::array<void*, kSkip + kFrames> stack{};
  const int depth = backtrace(stack.data(), static_cast<int>(stack.size()));
  std::array<void*, kFrames> frames{};
  if (depth > static_cast<int>(kSkip)) {
    std::copy(stack.begin() + kSkip, stack.begin() + depth, frames.begin());
  }
  CountSite(frames);
  inside = false;
}

void StartAllocationSites() {
  // The first time it loads a library.
  void* frame = nullptr;
  backtrace(&frame, 1);
  sites.fill(Site());
  counting = true;
}

void PrintAllocationSites(uint64_t messages) {
  counting = false;
  const std::lock_guard<std::mutex> lock(mutex);
  std::sort(sites.begin(), sites.end(),
            [](const Site& a, const Site& b) { return a.count > b.count; });
  for (const Site& site : sites) {
    if (site.count == 0 || site.count * 10000 < messages) break;
    std::printf("%.4f:", static_cast<double>(site.count) /
                             static_cast<double>(messages));
    for (void* frame : site.frames) {
      // The call itself, not what it returns to.
      std::printf(" %#tx",
                  static_cast<const char*>(frame) - &__executable_start - 1);
    }
    std::printf("\n");
  }
}

}  // namespace msgproc::benchmarks
