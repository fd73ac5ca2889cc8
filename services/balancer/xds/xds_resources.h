#ifndef MSGPROC_SERVICES_BALANCER_XDS_XDS_RESOURCES_H_
#define MSGPROC_SERVICES_BALANCER_XDS_XDS_RESOURCES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/locality.h"
#include "google/protobuf/any.pb.h"

namespace msgproc::balancer {

// What xDS calls resources (gRFC A27): a client asks for the listener of the
// name in its target, and follows what it says to a route, a cluster, and the
// cluster's endpoints.
enum class ResourceType { kCluster, kEndpoints, kListener, kRoute };
inline constexpr size_t kResourceTypes = 4;

// The one name of all that there is: clients call xds:///processors, and a
// server that speaks TLS needs the name in its certificate.
inline constexpr absl::string_view kXdsServiceName = "processors";

absl::string_view TypeUrl(ResourceType type);
std::optional<ResourceType> ResourceTypeOf(absl::string_view type_url);
// "listener", ...: for the log and labels.
absl::string_view ResourceTypeName(ResourceType type);

// Where a server listens.
struct XdsEndpoint {
  std::string ip;  // IPv4 or IPv6, in digits.
  uint16_t port = 0;
  Locality locality;

  friend bool operator==(const XdsEndpoint& a, const XdsEndpoint& b) {
    return a.ip == b.ip && a.port == b.port && a.locality == b.locality;
  }
};

// The endpoints of one client.
struct XdsAssignment {
  // Best first, each at a priority of its own: gRPC's clients connect to the
  // first that answers, and to it alone.
  std::vector<XdsEndpoint> serving;
  // Clients take nothing new there; what is open goes on.
  std::vector<XdsEndpoint> draining;

  friend bool operator==(const XdsAssignment& a, const XdsAssignment& b) {
    return a.serving == b.serving && a.draining == b.draining;
  }
};

// A resource that does not depend on who asks: any type but kEndpoints.
google::protobuf::Any MakeResource(ResourceType type);
// `assignment` has a serving endpoint.
google::protobuf::Any MakeEndpoints(const XdsAssignment& assignment);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_XDS_RESOURCES_H_
