#include "services/processor/testing/tcp_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

base::UniqueFd NewSocket() {
  base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

// So that closing breaks it.
void BreakOnClose(int fd) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

bool WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
    if (written <= 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

}  // namespace

TcpRelay::TcpRelay(std::string target)
    : target_(std::move(target)), listener_(NewSocket()) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_.get(), generic, size), 0);
  EXPECT_EQ(listen(listener_.get(), 64), 0);
  EXPECT_EQ(getsockname(listener_.get(), generic, &size), 0);
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  std::array<int, 2> wake{};
  EXPECT_EQ(pipe(wake.data()), 0);
  wake_read_ = base::UniqueFd(wake[0]);
  wake_write_ = base::UniqueFd(wake[1]);
  thread_ = std::thread([this] { Run(); });
}

TcpRelay::~TcpRelay() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
}

void TcpRelay::Set(bool silent_to_client, bool silent_to_server) {
  {
    MutexLock lock(&mutex_);
    silent_to_client_ = silent_to_client;
    silent_to_server_ = silent_to_server;
  }
  Wake();
}

void TcpRelay::Break() {
  {
    MutexLock lock(&mutex_);
    for (const Connection& connection : connections_) {
      BreakOnClose(connection.client.get());
      BreakOnClose(connection.server.get());
    }
    connections_.clear();
  }
  Wake();
}

void TcpRelay::HoldFirst(std::string marker) {
  MutexLock lock(&mutex_);
  marker_ = std::move(marker);
}

bool TcpRelay::Holds() {
  MutexLock lock(&mutex_);
  return std::any_of(
      connections_.begin(), connections_.end(),
      [](const Connection& connection) { return !connection.held.empty(); });
}

void TcpRelay::Deliver() {
  MutexLock lock(&mutex_);
  for (Connection& c : connections_) {
    const std::string held = std::exchange(c.held, "");
    EXPECT_TRUE(WriteAll(c.server.get(), held.data(), held.size()));
  }
}

void TcpRelay::Wake() { EXPECT_EQ(write(wake_write_.get(), "w", 1), 1); }

void TcpRelay::Accept() {
  Connection connection;
  connection.client =
      base::UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  connection.server = NewSocket();
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(target_.substr(target_.rfind(':') + 1), &port));
  const sockaddr_in target = Loopback(static_cast<uint16_t>(port));
  if (connect(connection.server.get(),
              reinterpret_cast<const sockaddr*>(&target),
              sizeof(target)) == 0) {
    connections_.push_back(std::move(connection));
  }
}

bool TcpRelay::Pass(int from, int to, bool* done) {
  std::array<char, 64 << 10> bytes;
  const ssize_t size = recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0) return false;
  if (size == 0) {
    *done = true;
    return shutdown(to, SHUT_WR) == 0;
  }
  return WriteAll(to, bytes.data(), static_cast<size_t>(size));
}

bool TcpRelay::PassToServer(Connection* connection) {
  const int client = connection->client.get();
  if (!marker_.empty()) {
    std::string bytes(64 << 10, '\0');
    const ssize_t size =
        recv(client, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_PEEK);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    if (absl::StrContains(bytes, marker_)) {
      marker_.clear();
      connection->held = std::move(bytes);
      // Neither end hears of the other any more, whatever becomes of it.
      connection->client_done = connection->server_done = true;
      return true;
    }
  }
  return Pass(client, connection->server.get(), &connection->client_done);
}

void TcpRelay::Run() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    std::vector<pollfd> polled = {{wake_read_.get(), POLLIN, 0},
                                  {listener_.get(), POLLIN, 0}};
    for (const Connection& c : connections_) {
      const bool client = !silent_to_server_ && !c.client_done;
      const bool server = !silent_to_client_ && !c.server_done;
      polled.push_back({client ? c.client.get() : -1, POLLIN, 0});
      polled.push_back({server ? c.server.get() : -1, POLLIN, 0});
    }
    lock.Unlock();
    poll(polled.data(), polled.size(), -1);
    lock.Relock();
    if (polled[0].revents != 0) {
      // All may be different now: look again.
      std::array<char, 64> wakes;
      EXPECT_GT(read(wake_read_.get(), wakes.data(), wakes.size()), 0);
      continue;
    }
    size_t at = 2;
    for (auto c = connections_.begin(); c != connections_.end(); at += 2) {
      bool alive = true;
      // What became silent meanwhile is silent.
      if (polled[at].revents != 0 && !silent_to_server_) {
        alive = PassToServer(&*c);
      }
      if (alive && polled[at + 1].revents != 0 && !silent_to_client_) {
        alive = Pass(c->server.get(), c->client.get(), &c->server_done);
      }
      c = alive ? std::next(c) : connections_.erase(c);
    }
    if (polled[1].revents != 0) Accept();
  }
}

}  // namespace msgproc::processor
