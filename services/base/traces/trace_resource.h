#ifndef MSGPROC_SERVICES_BASE_TRACES_TRACE_RESOURCE_H_
#define MSGPROC_SERVICES_BASE_TRACES_TRACE_RESOURCE_H_

#include <string>

namespace msgproc::base {

// Whose spans they are: OpenTelemetry's resource attributes service.name,
// service.instance.id and service.version.
struct TraceResource {
  std::string service_name = "msgproc";
  std::string instance_id;
  std::string version;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_TRACE_RESOURCE_H_
