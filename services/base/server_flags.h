#ifndef MSGPROC_SERVICES_BASE_SERVER_FLAGS_H_
#define MSGPROC_SERVICES_BASE_SERVER_FLAGS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/credentials.h"
#include "services/base/grpc_server.h"
#include "services/base/identity/authenticator.h"
#include "services/base/liveness.h"
#include "services/base/log.h"
#include "services/base/wrong_settings.h"

namespace msgproc::base {

// What the flags say that both servers have.
struct ServerOptions {
  std::string listen_address = "127.0.0.1:0";
  std::string http_address = "127.0.0.1:0";  // Empty: no HTTP page.
  std::string address_file;                  // Empty: none.
  CredentialsOptions credentials;
  Authenticator::Options identity;
  int max_streams_per_connection =  // 0: no cap.
      GrpcServerOptions().max_streams_per_connection;
  bool channelz = GrpcServerOptions().channelz;
  int max_connections_per_address = 0;
  absl::Duration max_connection_idle = GrpcServerOptions().max_connection_idle;
  absl::Duration drain_timeout = absl::Seconds(30);
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  bool park_callback_threads = true;  // common/callback_threads.h
  bool trim_heap = true;              // heap_trimmer.h
  Liveness::Options stalls;
  // The process's; set by RunServer, outlives the server.
  Liveness* liveness = nullptr;
};

// The addresses when no flag says otherwise. Before ParseFlagsOrExit, so that
// --help shows them.
void SetDefaultAddresses(absl::string_view listen_address,
                         absl::string_view http_address);

// Bounds of what both servers have.
WrongSettings Validate(const ServerOptions& options);

// Whether the process is only to say whether it would start (--check_config).
bool CheckConfigAsked();

// After ParseFlagsOrExit. Paths count from where the user is (UserPath). Every
// flag that is wrong is named in `wrong`; options that cannot be read from
// theirs are left at their defaults.
ServerOptions ServerOptionsFromFlags(WrongSettings* wrong);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SERVER_FLAGS_H_
