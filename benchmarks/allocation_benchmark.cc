// Allocations a message, in steady state, of client and processor together.
//
//   bazel run //benchmarks:allocation_benchmark
//
// With --sites=NAME it prints instead where this project's code allocates in
// the case whose name begins so.
//
// Every malloc of this program is counted, also those of gRPC and of the C++
// library, and told apart by who called: this project's code, or a shared
// library. Connecting and warming up is not counted. "0" is amortised: a frame
// costs gRPC a number of allocations, whatever it holds.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "benchmarks/allocation_sites.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/message_load.h"
#include "common/process_tuning.h"
#include "services/base/log.h"
#include "services/processor/handlers/builtin.h"

// NOLINTBEGIN: glibc's own names of what is replaced here, and the linker's.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

// The program's own code lies between these (ld(1)).
extern const char __executable_start;
extern const char etext;
}
// NOLINTEND

ABSL_FLAG(std::string, sites, "",
          "Prints the sites of the case whose name begins so.");

namespace {

std::atomic<uint64_t> ours{0};
std::atomic<uint64_t> others{0};

[[gnu::noinline]] void Count(const void* caller) {
  const bool own = caller >= &__executable_start && caller < &etext;
  (own ? ours : others).fetch_add(1, std::memory_order_relaxed);
  if (own) msgproc::benchmarks::NoteAllocation();
}

void* New(size_t size, const void* caller) {
  Count(caller);
  void* const memory = __libc_malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

// NOLINTBEGIN: glibc names their parameters otherwise.
extern "C" {
void* malloc(size_t size) {
  Count(__builtin_return_address(0));
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  Count(__builtin_return_address(0));
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  Count(__builtin_return_address(0));
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  Count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** to, size_t alignment, size_t size) {
  Count(__builtin_return_address(0));
  *to = __libc_memalign(alignment, size);
  return *to == nullptr ? 12 : 0;  // ENOMEM
}
}
// NOLINTEND

void* operator new(size_t size) {
  return New(size, __builtin_return_address(0));
}
void* operator new[](size_t size) {
  return New(size, __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace msgproc::benchmarks {
namespace {

struct Case {
  const char* name;
  int streams;
  uint64_t outstanding;
  uint64_t max_batch;
  uint64_t messages;
  size_t payload_bytes;
  const char* handler = "";
};

constexpr Case kCases[] = {
    {"1 socket, 65,536 outstanding", 1, 65536, UINT64_MAX, 4'000'000, 64},
    {"1 socket, 1,024 outstanding", 1, 1024, UINT64_MAX, 2'000'000, 64},
    {"16 sockets, 64 outstanding", 16, 64, UINT64_MAX, 1'000'000, 64},
    {"one message a frame, 1,024 outstanding", 1, 1024, 1, 100'000, 64},
    {"window of one", 1, 1, UINT64_MAX, 20'000, 64},
    {"thread pool, 1,024 outstanding", 1, 1024, UINT64_MAX, 500'000, 64,
     "pool"},
};

// Runs on the pool's threads, and makes its reply of copies.
class PooledEcho final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext& /*context*/,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    reply->mutable_payload()->assign(message.payload.data(),
                                     message.payload.size());
    return absl::OkStatus();
  }
};

struct Count {
  double ours = 0;
  double others = 0;
};

// What `messages` cost, connecting included.
Count Measure(const Case& c, uint64_t messages, const std::string& address) {
  const uint64_t ours_before = ours.load();
  const uint64_t others_before = others.load();
  RunMessages({.address = address,
               .handler = c.handler,
               .streams = c.streams,
               .messages = messages,
               .outstanding = c.outstanding,
               .max_batch = c.max_batch,
               .payload_bytes = c.payload_bytes});
  return {static_cast<double>(ours.load() - ours_before),
          static_cast<double>(others.load() - others_before)};
}

int PrintSites(const std::string& name, const std::string& address) {
  for (const Case& c : kCases) {
    if (!absl::StartsWith(c.name, name)) continue;
    Measure(c, c.messages / 4, address);
    StartAllocationSites();
    Measure(c, c.messages, address);
    PrintAllocationSites(c.messages);
  }
  return 0;
}

int Run() {
  TuneProcess();
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers);
  handlers.Register("pool", std::make_unique<PooledEcho>());
  const auto server = StartBenchmarkProcessor(&handlers);
  const std::string sites = absl::GetFlag(FLAGS_sites);
  if (!sites.empty()) return PrintSites(sites, server->address());
  std::printf("Allocations a message:\n\n");
  std::printf("| %-38s | this project | libraries |\n", "");
  std::printf(
      "|----------------------------------------|-------------:|----------:|"
      "\n");
  for (const Case& c : kCases) {
    // The difference of a long and a short run is the steady state.
    const uint64_t warm = c.messages / 4;
    const Count few = Measure(c, warm, server->address());
    const Count many = Measure(c, warm + c.messages, server->address());
    const auto messages = static_cast<double>(c.messages);
    std::printf("| %-38s | %12.4f | %9.4f |\n", c.name,
                (many.ours - few.ours) / messages,
                (many.others - few.others) / messages);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return msgproc::benchmarks::Run();
}
