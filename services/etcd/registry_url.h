#ifndef MSGPROC_SERVICES_ETCD_REGISTRY_URL_H_
#define MSGPROC_SERVICES_ETCD_REGISTRY_URL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc::etcd {

// Where a fleet's registry is: etcd://a:2379,b:2379/prefix. A plain value.
//
// Servers are `prefix/server_id`. What else the fleet has to say stands beside
// that folder and not in it, so that whoever resolves servers does not come
// across it, and one grant of etcd's roles (`--prefix=true`) covers everything.
struct RegistryUrl {
  static constexpr size_t kMaxEndpoints = 16;
  static constexpr size_t kMaxPrefixBytes = 256;

  // INVALID_ARGUMENT: says what is wrong. Never repeats what may be a password.
  static absl::StatusOr<RegistryUrl> Parse(absl::string_view text);

  // host:port each, one at least.
  std::vector<std::string> endpoints;
  // One word; no slash at either end.
  std::string prefix;

  // What every server's key begins with.
  std::string ServersFolder() const { return prefix + "/"; }
  std::string ServerKey(absl::string_view server_id) const;
  // What a balancer wants of a server.
  std::string OrderKey(absl::string_view server_id) const;
  // Which balancer moves sessions.
  std::string MoverKey() const { return prefix + ".mover"; }
};

// The end of the range of all keys that begin with `prefix`, which is not
// empty and does not end in 0xff.
std::string EndOfPrefix(std::string prefix);

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_REGISTRY_URL_H_
