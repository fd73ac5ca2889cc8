// Linked into every program that opens channels.
#include "absl/flags/flag.h"
#include "common/channel_arguments.h"

ABSL_FLAG(bool, use_http_proxy, false,
          "Opens connections through the proxy that the environment names "
          "(grpc_proxy, https_proxy, http_proxy; no_proxy excepts hosts). "
          "Without it the environment's proxies are ignored.")
    .OnUpdate([] {
      msgproc::UseHttpProxies(absl::GetFlag(FLAGS_use_http_proxy));
    });
