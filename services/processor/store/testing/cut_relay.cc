#include "services/processor/store/testing/cut_relay.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  MSGPROC_CHECK_LT(path.size(), sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  return address;
}

// False: the connection is over.
bool Pass(int from, int to) {
  std::array<char, 65536> buffer = {};
  const ssize_t size = read(from, buffer.data(), buffer.size());
  if (size <= 0) return false;
  for (ssize_t sent = 0; sent < size;) {
    const ssize_t more = send(to, buffer.data() + sent,
                              static_cast<size_t>(size - sent), MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += more;
  }
  return true;
}

}  // namespace

CutRelay::CutRelay(const std::string& listens_on, std::string connects_to)
    : connects_to_(std::move(connects_to)),
      listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  const sockaddr_un address = AddressOf(listens_on);
  MSGPROC_CHECK_EQ(
      bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)),
      0);
  MSGPROC_CHECK_EQ(listen(listener_.get(), 8), 0);
  thread_ = std::thread([this] { Run(); });
}

CutRelay::~CutRelay() {
  const uint64_t one = 1;
  MSGPROC_CHECK_EQ(write(stop_.get(), &one, sizeof(one)),
                   static_cast<ssize_t>(sizeof(one)));
  thread_.join();
}

void CutRelay::Run() {
  while (true) {
    std::array<pollfd, 2> polled = {
        {{.fd = stop_.get(), .events = POLLIN},
         {.fd = listener_.get(), .events = POLLIN}}};
    poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    const base::UniqueFd client(
        accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const base::UniqueFd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = AddressOf(connects_to_);
    if (connect(server.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0) {
      Relay(client.get(), server.get());
    }
  }
}

void CutRelay::Relay(int client, int server) const {
  while (true) {
    std::array<pollfd, 3> polled = {{{.fd = stop_.get(), .events = POLLIN},
                                     {.fd = client, .events = POLLIN},
                                     {.fd = server, .events = POLLIN}}};
    poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    if (polled[1].revents != 0) {
      if (cut_.load() == Cut::kBefore || !Pass(client, server)) return;
    }
    if (polled[2].revents != 0) {
      if (cut_.load() == Cut::kAfter || !Pass(server, client)) return;
    }
  }
}

}  // namespace msgproc::processor
