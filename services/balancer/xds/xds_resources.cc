#include "services/balancer/xds/xds_resources.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "msgproc/xds/v1/resources.pb.h"

namespace msgproc::balancer {
namespace {

namespace pb = xds::v1;

// By ResourceType.
constexpr std::array<absl::string_view, kResourceTypes> kTypeUrls = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "type.googleapis.com/envoy.config.listener.v3.Listener",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"};

constexpr std::array<absl::string_view, kResourceTypes> kTypeNames = {
    "cluster", "endpoints", "listener", "route"};

google::protobuf::Any Pack(absl::string_view type_url,
                           const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.set_type_url(std::string(type_url));
  any.set_value(message.SerializeAsString());
  return any;
}

std::string Name() { return std::string(kXdsServiceName); }

void SetFromThisStream(pb::ConfigSource* source) {
  source->mutable_ads();
  source->set_resource_api_version(pb::API_VERSION_V3);
}

pb::Listener MakeListener() {
  pb::HttpConnectionManager manager;
  manager.set_stat_prefix(Name());
  SetFromThisStream(manager.mutable_rds()->mutable_config_source());
  manager.mutable_rds()->set_route_config_name(Name());
  // gRPC's clients want it, and want it last and named.
  pb::HttpFilter* const router = manager.add_http_filters();
  router->set_name("router");
  *router->mutable_typed_config() =
      Pack("type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
           pb::Router());
  pb::Listener listener;
  listener.set_name(Name());
  *listener.mutable_api_listener()->mutable_api_listener() = Pack(
      "type.googleapis.com/envoy.extensions.filters.network."
      "http_connection_manager.v3.HttpConnectionManager",
      manager);
  return listener;
}

pb::RouteConfiguration MakeRoute() {
  pb::RouteConfiguration route;
  route.set_name(Name());
  pb::VirtualHost* const host = route.add_virtual_hosts();
  host->set_name(Name());
  host->add_domains()->push_back('*');
  pb::Route* const all = host->add_routes();
  all->mutable_match()->set_prefix("");
  all->mutable_route()->set_cluster(Name());
  return route;
}

// The policy is left at round robin, which with one endpoint a priority has
// nothing to choose: ring hash ends clients of gRPC 1.51 (grpc#31766).
pb::Cluster MakeCluster() {
  pb::Cluster cluster;
  cluster.set_name(Name());
  cluster.set_type(pb::DISCOVERY_TYPE_EDS);
  SetFromThisStream(cluster.mutable_eds_cluster_config()->mutable_eds_config());
  return cluster;
}

void AddEndpoint(const XdsEndpoint& endpoint, pb::HealthStatus health,
                 pb::LocalityLbEndpoints* locality) {
  pb::LbEndpoint* const added = locality->add_lb_endpoints();
  added->set_health_status(health);
  pb::SocketAddress* const address =
      added->mutable_endpoint()->mutable_address()->mutable_socket_address();
  address->set_address(endpoint.ip);
  address->set_port_value(endpoint.port);
}

}  // namespace

absl::string_view TypeUrl(ResourceType type) {
  return kTypeUrls[static_cast<size_t>(type)];
}

std::optional<ResourceType> ResourceTypeOf(absl::string_view type_url) {
  for (size_t i = 0; i < kResourceTypes; ++i) {
    if (kTypeUrls[i] == type_url) return static_cast<ResourceType>(i);
  }
  return std::nullopt;
}

absl::string_view ResourceTypeName(ResourceType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

google::protobuf::Any MakeResource(ResourceType type) {
  MSGPROC_CHECK(type != ResourceType::kEndpoints);
  switch (type) {
    case ResourceType::kListener:
      return Pack(TypeUrl(type), MakeListener());
    case ResourceType::kRoute:
      return Pack(TypeUrl(type), MakeRoute());
    default:
      return Pack(TypeUrl(type), MakeCluster());
  }
}

google::protobuf::Any MakeEndpoints(const XdsAssignment& assignment) {
  MSGPROC_CHECK(!assignment.serving.empty());
  pb::ClusterLoadAssignment load;
  load.set_cluster_name(Name());
  uint32_t priority = 0;
  for (const XdsEndpoint& endpoint : assignment.serving) {
    pb::LocalityLbEndpoints* const locality = load.add_endpoints();
    pb::Locality* const where = locality->mutable_locality();
    where->set_region(endpoint.locality.region);
    where->set_zone(endpoint.locality.zone);
    where->set_sub_zone(endpoint.locality.sub_zone);
    locality->mutable_load_balancing_weight()->set_value(1);
    locality->set_priority(priority++);
    AddEndpoint(endpoint, pb::HEALTH_STATUS_HEALTHY, locality);
  }
  // A priority of nothing but these would be a failure to wait out, and so
  // would a locality: they go to the first one's, whatever theirs is.
  for (const XdsEndpoint& endpoint : assignment.draining) {
    AddEndpoint(endpoint, pb::HEALTH_STATUS_DRAINING,
                load.mutable_endpoints(0));
  }
  return Pack(TypeUrl(ResourceType::kEndpoints), load);
}

}  // namespace msgproc::balancer
