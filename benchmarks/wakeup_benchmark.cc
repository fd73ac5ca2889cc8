// What two processes need for a round trip with nothing but a TCP socket
// between them: 64 bytes there and back, both asleep in epoll_wait until they
// come. Two wake-ups, and what everything else here is to be compared with.
//
//   bazel run //benchmarks:wakeup_benchmark
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "benchmarks/measurement.h"

namespace msgproc::benchmarks {
namespace {

constexpr int kRoundTrips = 40'000;

void Require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

// One end of the connection.
class End {
 public:
  explicit End(int fd) : fd_(fd), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    constexpr int kOn = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof(kOn));
    epoll_event event{};
    event.events = EPOLLIN;
    Require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event) == 0, "epoll_ctl");
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;
  ~End() {
    close(epoll_);
    close(fd_);
  }

  void Send() { Require(send(fd_, bytes_, sizeof(bytes_), 0) > 0, "send"); }

  // False: the other end is gone.
  bool Receive() {
    epoll_event event{};
    while (epoll_wait(epoll_, &event, 1, -1) < 1) {
    }
    return recv(fd_, bytes_, sizeof(bytes_), 0) > 0;
  }

 private:
  const int fd_;
  const int epoll_;
  char bytes_[64] = {};
};

[[noreturn]] void Echo(int listener) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  End end(accept(listener, nullptr, nullptr));
  while (end.Receive()) end.Send();
  _exit(0);
}

int Run() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  Require(bind(listener, generic, size) == 0, "bind");
  Require(listen(listener, 1) == 0, "listen");
  Require(getsockname(listener, generic, &size) == 0, "getsockname");
  const pid_t echo = fork();
  Require(echo >= 0, "fork");
  if (echo == 0) Echo(listener);

  Measurement measurement;
  {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Require(connect(fd, generic, size) == 0, "connect");
    End end(fd);
    for (int i = 0; i < kRoundTrips; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      end.Send();
      Require(end.Receive(), "recv");
      measurement.latency_ns.push_back(
          (std::chrono::steady_clock::now() - begin).count());
    }
  }
  close(listener);
  waitpid(echo, nullptr, 0);
  std::printf("A bare TCP round trip: p50 %.1f µs, p99 %.1f µs\n",
              measurement.LatencyMicroseconds(0.5),
              measurement.LatencyMicroseconds(0.99));
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main() { return msgproc::benchmarks::Run(); }
