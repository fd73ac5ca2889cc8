#include "common/channel_arguments.h"

#include <grpc/impl/codegen/grpc_types.h>

#include <atomic>
#include <cstddef>

namespace msgproc {
namespace {

// gRPC looks a name up again 30 s after the last time at the earliest, however
// dead the address is that it has.
constexpr int kMinTimeBetweenResolutionsMs = 500;

std::atomic<bool> use_http_proxies{false};

}  // namespace

grpc::ChannelArguments OwnChannelArguments() {
  grpc::ChannelArguments arguments;
  // Otherwise channels to one address share a connection, and its backoff.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Calls are made again by us; gRPC would keep copies for doing so.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, use_http_proxies ? 1 : 0);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS,
                   kMinTimeBetweenResolutionsMs);
  // gRPC's own measuring of the bandwidth-delay product costs a ping and two
  // timers for each frame that comes after a pause: half of an idle socket.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return arguments;
}

void LeaveRetriesToCaller(absl::Duration timeout,
                          grpc::ChannelArguments* arguments) {
  arguments->SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments->SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments->SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                    static_cast<int>(absl::ToInt64Milliseconds(timeout)));
}

void Overwrite(const grpc::ChannelArguments& from, grpc::ChannelArguments* to) {
  const grpc_channel_args from_args = from.c_channel_args();
  for (size_t i = 0; i < from_args.num_args; ++i) {
    const grpc_arg& arg = from_args.args[i];
    switch (arg.type) {
      case GRPC_ARG_INTEGER:
        to->SetInt(arg.key, arg.value.integer);
        break;
      case GRPC_ARG_STRING:
        to->SetString(arg.key, arg.value.string);
        break;
      case GRPC_ARG_POINTER:
        to->SetPointerWithVtable(arg.key, arg.value.pointer.p,
                                 arg.value.pointer.vtable);
        break;
    }
  }
}

void UseHttpProxies(bool use) { use_http_proxies = use; }

}  // namespace msgproc
