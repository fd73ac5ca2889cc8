// What it costs to take a frame to another process and back: over a Unix
// socket, over pipes, and through a ring in shared memory whose reader waits in
// a futex.
//
// One frame under way is a round trip; with two, the other process finds the
// next frame when it is done with the first, as workers do. Transports take
// turns, `--repeat` times; the table shows medians, in microseconds a frame,
// and the CPU time of both processes beside it.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/measurement.h"

ABSL_FLAG(int, repeat, 5, "How often each workload is measured.");
ABSL_FLAG(int, frames, 20'000, "Frames of 64 bytes; of larger ones, fewer.");

namespace msgproc::benchmarks {
namespace {

// One direction. Reads and writes whole frames of one size.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void Write(const char* frame, size_t size) = 0;
  virtual void Read(char* frame, size_t size) = 0;
};

class DescriptorChannel final : public Channel {
 public:
  DescriptorChannel(int from, int to) : from_(from), to_(to) {}

  void Write(const char* frame, size_t size) override {
    while (size > 0) {
      const ssize_t written = write(to_, frame, size);
      if (written <= 0) _exit(1);
      frame += written;
      size -= static_cast<size_t>(written);
    }
  }
  void Read(char* frame, size_t size) override {
    while (size > 0) {
      const ssize_t got = read(from_, frame, size);
      if (got <= 0) _exit(1);
      frame += got;
      size -= static_cast<size_t>(got);
    }
  }

 private:
  const int from_;
  const int to_;
};

// Bytes in a ring; more than is ever under way, so that it is never full.
class RingChannel final : public Channel {
 public:
  RingChannel()
      : shared_(new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0))
                    Shared) {}
  ~RingChannel() override { munmap(shared_, sizeof(Shared)); }

  void Write(const char* frame, size_t size) override {
    Copy(written_, size, [&](char* place, size_t offset, size_t bytes) {
      std::memcpy(place, frame + offset, bytes);
    });
    written_ += static_cast<uint32_t>(size);
    shared_->written = written_;
    if (shared_->waits.exchange(0) != 0) {
      syscall(SYS_futex, &shared_->written, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
  }
  void Read(char* frame, size_t size) override {
    while (true) {
      uint32_t written = shared_->written;
      if (written - read_ >= size) break;
      shared_->waits = 1;
      written = shared_->written;
      if (written - read_ >= size) break;
      syscall(SYS_futex, &shared_->written, FUTEX_WAIT, written, nullptr,
              nullptr, 0);
    }
    Copy(read_, size, [&](const char* place, size_t offset, size_t bytes) {
      std::memcpy(frame + offset, place, bytes);
    });
    read_ += static_cast<uint32_t>(size);
  }

 private:
  static constexpr size_t kBytes = 1 << 20;
  struct Shared {
    std::atomic<uint32_t> written{0};
    alignas(64) std::atomic<uint32_t> waits{0};
    alignas(64) char bytes[kBytes];
  };

  template <typename Part>
  void Copy(uint32_t position, size_t size, Part part) {
    const size_t begin = position % kBytes;
    const size_t first = std::min(size, kBytes - begin);
    part(shared_->bytes + begin, 0, first);
    if (first < size) part(shared_->bytes, first, size - first);
  }

  Shared* const shared_;
  uint32_t written_ = 0;
  uint32_t read_ = 0;
};

// There and back.
struct Channels {
  std::unique_ptr<Channel> there;
  std::unique_ptr<Channel> back;
};

Channels Sockets() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) _exit(1);
  const int bytes = 1 << 20;
  for (const int fd : fds) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  return {std::make_unique<DescriptorChannel>(fds[1], fds[0]),
          std::make_unique<DescriptorChannel>(fds[0], fds[1])};
}

std::unique_ptr<Channel> Pipe() {
  int fds[2];
  if (pipe(fds) != 0) _exit(1);
  fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
  return std::make_unique<DescriptorChannel>(fds[0], fds[1]);
}

Channels Pipes() { return {Pipe(), Pipe()}; }

Channels Rings() {
  return {std::make_unique<RingChannel>(), std::make_unique<RingChannel>()};
}

double CpuMicroseconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return absl::ToDoubleMicroseconds(absl::DurationFromTimeval(usage.ru_utime) +
                                    absl::DurationFromTimeval(usage.ru_stime));
}

struct Cost {
  double elapsed = 0;
  double cpu = 0;
};

Cost Measure(const Channels& channels, int frames, size_t size, int under_way) {
  std::vector<char> frame(size, 'x');
  const pid_t echo = fork();
  if (echo == 0) {
    for (int i = 0; i < frames; ++i) {
      channels.there->Read(frame.data(), size);
      channels.back->Write(frame.data(), size);
    }
    _exit(0);
  }
  const double cpu =
      CpuMicroseconds(RUSAGE_SELF) + CpuMicroseconds(RUSAGE_CHILDREN);
  const absl::Time start = absl::Now();
  for (int i = 0; i < under_way; ++i) channels.there->Write(frame.data(), size);
  for (int i = under_way; i < frames + under_way; ++i) {
    channels.back->Read(frame.data(), size);
    if (i < frames) channels.there->Write(frame.data(), size);
  }
  const double elapsed = absl::ToDoubleMicroseconds(absl::Now() - start);
  waitpid(echo, nullptr, 0);
  const double used =
      CpuMicroseconds(RUSAGE_SELF) + CpuMicroseconds(RUSAGE_CHILDREN) - cpu;
  return {elapsed / frames, used / frames};
}

void Compare() {
  const std::vector<std::function<Channels()>> transports = {Sockets, Pipes,
                                                             Rings};
  std::printf(
      "| frame | under way | socket | CPU | pipes | CPU | ring | CPU |\n"
      "|-:|-:|-:|-:|-:|-:|-:|-:|\n");
  for (const size_t size : {64, 4096, 65536}) {
    for (const int under_way : {1, 2}) {
      std::vector<std::vector<double>> elapsed(transports.size());
      std::vector<std::vector<double>> cpu(transports.size());
      const int frames = absl::GetFlag(FLAGS_frames) / (size > 4096 ? 4 : 1);
      for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
        for (size_t t = 0; t < transports.size(); ++t) {
          const Cost cost = Measure(transports[t](), frames, size, under_way);
          elapsed[t].push_back(cost.elapsed);
          cpu[t].push_back(cost.cpu);
        }
      }
      std::printf("| %zu | %d |", size, under_way);
      for (size_t t = 0; t < transports.size(); ++t) {
        std::printf(" %.1f | %.1f |", Median(elapsed[t]), Median(cpu[t]));
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Compares ways to another process and back.");
  absl::ParseCommandLine(argc, argv);
  msgproc::benchmarks::Compare();
  return 0;
}
