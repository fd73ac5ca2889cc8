#include "services/balancer/xds/host_resolver.h"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/clock.h"
#include "services/base/listen_address.h"
#include "services/base/socket_address.h"

namespace msgproc::balancer {
namespace {

std::optional<std::string> LookUp(const std::string& host) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found,
                                                             freeaddrinfo);
  std::array<char, NI_MAXHOST> ip;
  if (getnameinfo(found->ai_addr, found->ai_addrlen, ip.data(), ip.size(),
                  nullptr, 0, NI_NUMERICHOST) != 0) {
    return std::nullopt;
  }
  return std::string(ip.data());
}

}  // namespace

HostResolver::HostResolver(Options options, std::function<void()> on_change)
    : options_([&options] {
        if (!options.look_up) options.look_up = LookUp;
        return std::move(options);
      }()),
      on_change_(std::move(on_change)) {}

HostResolver::~HostResolver() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<XdsEndpoint> HostResolver::Find(absl::string_view address) {
  const auto parsed = base::ListenAddress::Parse(address);
  if (!parsed.ok() || parsed->is_unix()) return std::nullopt;
  XdsEndpoint endpoint{.ip = parsed->host,
                       .port = static_cast<uint16_t>(parsed->port)};
  if (base::SocketAddress::FromIp(endpoint.ip, 0).family() != AF_UNSPEC) {
    return endpoint;
  }
  MutexLock lock(&mutex_);
  const auto [found, is_new] = hosts_.try_emplace(endpoint.ip);
  found->second.asked = Clock::Monotonic()->Now();
  if (is_new) {
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    changed_.SignalAll();
  }
  if (!found->second.ip.has_value()) return std::nullopt;
  endpoint.ip = *found->second.ip;
  return endpoint;
}

std::optional<std::string> HostResolver::NextDue(absl::Time* wake) {
  const absl::Time now = Clock::Monotonic()->Now();
  *wake = now + options_.refresh;
  for (auto at = hosts_.begin(); at != hosts_.end();) {
    if (now - at->second.asked > options_.keep) {
      at = hosts_.erase(at);
      continue;
    }
    const absl::Time due = at->second.looked_up + options_.refresh;
    if (due <= now) return at->first;
    *wake = std::min(*wake, due);
    ++at;
  }
  return std::nullopt;
}

void HostResolver::Run() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    absl::Time wake;
    const std::optional<std::string> host = NextDue(&wake);
    if (!host.has_value()) {
      changed_.WaitFor(&mutex_, wake - Clock::Monotonic()->Now());
      continue;
    }
    lock.Unlock();
    std::optional<std::string> ip = options_.look_up(*host);
    lock.Relock();
    const auto entry = hosts_.find(*host);
    if (entry == hosts_.end()) continue;
    entry->second.looked_up = Clock::Monotonic()->Now();
    // A name server that does not answer is no reason to forget what it said.
    if (!ip.has_value() || entry->second.ip == ip) continue;
    entry->second.ip = std::move(ip);
    lock.Unlock();
    on_change_();
    lock.Relock();
  }
}

}  // namespace msgproc::balancer
