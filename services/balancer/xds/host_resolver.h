#ifndef MSGPROC_SERVICES_BALANCER_XDS_HOST_RESOLVER_H_
#define MSGPROC_SERVICES_BALANCER_XDS_HOST_RESOLVER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/balancer/xds/xds_resources.h"

namespace msgproc::balancer {

// Addresses in digits: xDS has no names, and processors may be registered under
// theirs. A name is looked up on a thread of the resolver, which may take its
// time, and again every now and then for as long as it is asked for.
// Thread-safe.
class HostResolver {
 public:
  struct Options {
    absl::Duration refresh = absl::Seconds(30);
    // A name that nobody asks for is forgotten.
    absl::Duration keep = absl::Minutes(10);
    // The first address of a host, in digits; none: it has none now. Blocks.
    // Empty: getaddrinfo.
    std::function<std::optional<std::string>(const std::string& host)> look_up;
  };

  // `on_change` is told, on the resolver's thread and with no lock held, that
  // Find would answer otherwise.
  HostResolver(Options options, std::function<void()> on_change);
  // Waits for a look-up that is under way.
  ~HostResolver();
  HostResolver(const HostResolver&) = delete;
  HostResolver& operator=(const HostResolver&) = delete;

  // Of host:port. None: not known yet, or there is no such host.
  std::optional<XdsEndpoint> Find(absl::string_view address);

 private:
  struct Entry {
    std::optional<std::string> ip;
    absl::Time looked_up = absl::InfinitePast();
    absl::Time asked;
  };

  void Run();
  // The name that is due, if any; otherwise `wake` says when one will be.
  std::optional<std::string> NextDue(absl::Time* wake) MSGPROC_REQUIRES(mutex_);

  const Options options_;
  const std::function<void()> on_change_;

  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Entry, std::less<>> hosts_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_HOST_RESOLVER_H_
