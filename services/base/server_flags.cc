#include "services/base/server_flags.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/listen_address.h"
#include "services/base/setting_name.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"

namespace {

msgproc::base::ServerOptions Defaults() { return {}; }

}  // namespace

ABSL_FLAG(std::string, listen_address, Defaults().listen_address,
          "Where gRPC is served: host:port ([::1]:50051, *:50051 for every "
          "interface, port 0 for any free one) or unix:/path. An address that "
          "other machines can reach needs TLS or --insecure.");
ABSL_FLAG(std::string, http_address, Defaults().http_address,
          "Where /metrics, /healthz and /readyz are served, in plaintext: "
          "host:port or unix:/path, empty for nowhere.");
ABSL_FLAG(std::string, address_file, "",
          "A file to write once the server serves, with the addresses that it "
          "really has: lines grpc=... and http=...");
ABSL_FLAG(std::string, tls_cert, "",
          "PEM file with the server's certificate, followed by those that "
          "signed it. Taken anew when it changes.");
ABSL_FLAG(std::string, tls_key, "",
          "PEM file with the certificate's private key, without passphrase.");
ABSL_FLAG(std::string, tls_client_ca, "",
          "PEM file with certificate authorities: clients must then show a "
          "certificate that one of them signed (mTLS).");
ABSL_FLAG(std::string, jwt_keys, "",
          "A JSON Web Key Set with the public keys that clients' tokens "
          "(authorization: Bearer JWT; RS256, ES256, EdDSA) are signed with. "
          "Taken anew when it changes. Empty: tokens are not looked at.");
ABSL_FLAG(std::string, jwt_issuer, "",
          "What a token's iss must be; empty: anything.");
ABSL_FLAG(std::string, jwt_audience, "",
          "What a token's aud must be, or have among others; empty: anything, "
          "also a token that was meant for another service.");
ABSL_FLAG(bool, check_config, false,
          "Reads and judges all flags and files, says what is wrong or \"ok\", "
          "and exits, 0 if all is well and 1 otherwise. Nothing is listened "
          "on, connected to or started.");
ABSL_FLAG(int, max_connections_per_address,
          Defaults().max_connections_per_address,
          "Connections of one address (of an IPv6 one, of its /64) beyond it "
          "are closed at once; behind --proxy_protocol the client's address "
          "counts. 0: no cap, as behind an HTTP proxy, where all connections "
          "are the proxy's.");
ABSL_FLAG(absl::Duration, max_connection_idle, Defaults().max_connection_idle,
          "A connection without a stream for that long is closed.");
ABSL_FLAG(bool, insecure, Defaults().credentials.insecure,
          "Allows plaintext on an address that other machines can reach.");
ABSL_FLAG(int, max_streams_per_connection,
          Defaults().max_streams_per_connection,
          "Streams that a connection may have at a time; those beyond it wait "
          "at the client, which opens another connection for them or waits "
          "too. 0: no cap.");
ABSL_FLAG(bool, channelz, Defaults().channelz,
          "Serves grpc.channelz.v1.Channelz, which shows whoever asks every "
          "peer's address.");
ABSL_FLAG(absl::Duration, drain_timeout, Defaults().drain_timeout,
          "How long open streams may take to finish when the server stops; "
          "what is left then ends UNAVAILABLE.");
ABSL_FLAG(
    bool, park_callback_threads, Defaults().park_callback_threads,
    "Keeps one of gRPC's callback threads polling and parks the others as "
    "long as one is enough: twice the messages a second with small "
    "frames. --nopark_callback_threads leaves all of them to gRPC.");
ABSL_FLAG(bool, trim_heap, Defaults().trim_heap,
          "Gives memory that was not used for some seconds back to the system, "
          "as after a burst. --notrim_heap leaves it to malloc, which keeps "
          "most of it.");
ABSL_FLAG(absl::Duration, stall_unready, Defaults().stalls.unready,
          "How long a thread that serves may stand still before /readyz fails; "
          "inf: for ever.");
ABSL_FLAG(absl::Duration, stall_unhealthy, Defaults().stalls.unhealthy,
          "The same for /healthz, and for the pings to systemd's watchdog.");
ABSL_FLAG(std::string, log_format, "text",
          "text, or json: an object a line on standard error.");
ABSL_FLAG(std::string, log_level, "info",
          "The least level that is logged: debug, info, warning or error.");

namespace msgproc::base {
namespace {

// A Unix socket's path counts from where the user is, too. `address` stays as
// it is where the flag's value is none.
absl::Status ReadAddress(absl::string_view flag, std::string text,
                         std::string* address) {
  absl::StatusOr<ListenAddress> parsed = ListenAddress::Parse(text);
  if (parsed.ok() && parsed->is_unix()) {
    text = absl::StrCat("unix:", UserPath(parsed->path));
    parsed = ListenAddress::Parse(text);
  }
  if (!parsed.ok()) return NamingSettings(AsFlag(flag), parsed.status());
  *address = std::move(text);
  return absl::OkStatus();
}

}  // namespace

void SetDefaultAddresses(absl::string_view listen_address,
                         absl::string_view http_address) {
  absl::SetFlag(&FLAGS_listen_address, std::string(listen_address));
  absl::SetFlag(&FLAGS_http_address, std::string(http_address));
}

bool CheckConfigAsked() { return absl::GetFlag(FLAGS_check_config); }

WrongSettings Validate(const ServerOptions& options) {
  WrongSettings wrong;
  wrong.Expect(options.max_streams_per_connection >= 0,
               "max_streams_per_connection", options.max_streams_per_connection,
               "1 or more, or 0 for no cap");
  wrong.Expect(options.max_connections_per_address >= 0,
               "max_connections_per_address",
               options.max_connections_per_address,
               "a number of connections, or 0 for no cap");
  wrong.Expect(options.max_connection_idle >= absl::Seconds(1) &&
                   options.max_connection_idle <= absl::Hours(24),
               "max_connection_idle", options.max_connection_idle, "1s to 24h");
  const Authenticator::Options& identity = options.identity;
  for (const auto& [name, value] :
       {std::pair("jwt_issuer", identity.jwt_issuer),
        std::pair("jwt_audience", identity.jwt_audience)}) {
    if (value.empty() || !identity.jwt_keys.empty()) continue;
    wrong.Add(absl::StrCat("{", name,
                           "} is about tokens, which are not looked at "
                           "without {jwt_keys}."));
  }
  if (options.drain_timeout < absl::ZeroDuration()) {
    wrong.Add(absl::StrCat("{drain_timeout} cannot be negative: ",
                           absl::FormatDuration(options.drain_timeout)));
  }
  if (options.stalls.unready < absl::Seconds(1) ||
      options.stalls.unhealthy < options.stalls.unready) {
    wrong.Add(absl::StrCat(
        "{stall_unready} is ", absl::FormatDuration(options.stalls.unready),
        " and {stall_unhealthy} ",
        absl::FormatDuration(options.stalls.unhealthy),
        "; the first takes at least 1s, the second no less than the first"));
  }
  return wrong;
}

ServerOptions ServerOptionsFromFlags(WrongSettings* wrong) {
  ServerOptions options;
  wrong->Add(ReadAddress("listen_address", absl::GetFlag(FLAGS_listen_address),
                         &options.listen_address));
  const std::string http_address = absl::GetFlag(FLAGS_http_address);
  if (http_address.empty()) {
    options.http_address.clear();
  } else {
    wrong->Add(
        ReadAddress("http_address", http_address, &options.http_address));
  }
  options.address_file = UserPath(absl::GetFlag(FLAGS_address_file));
  options.credentials.tls_cert = UserPath(absl::GetFlag(FLAGS_tls_cert));
  options.credentials.tls_key = UserPath(absl::GetFlag(FLAGS_tls_key));
  options.credentials.tls_client_ca =
      UserPath(absl::GetFlag(FLAGS_tls_client_ca));
  options.credentials.insecure = absl::GetFlag(FLAGS_insecure);
  options.identity.jwt_keys = UserPath(absl::GetFlag(FLAGS_jwt_keys));
  options.identity.jwt_issuer = absl::GetFlag(FLAGS_jwt_issuer);
  options.identity.jwt_audience = absl::GetFlag(FLAGS_jwt_audience);
  options.max_streams_per_connection =
      absl::GetFlag(FLAGS_max_streams_per_connection);
  options.channelz = absl::GetFlag(FLAGS_channelz);
  options.max_connections_per_address =
      absl::GetFlag(FLAGS_max_connections_per_address);
  options.max_connection_idle = absl::GetFlag(FLAGS_max_connection_idle);
  options.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  options.stalls = {absl::GetFlag(FLAGS_stall_unready),
                    absl::GetFlag(FLAGS_stall_unhealthy)};
  const absl::StatusOr<LogFormat> format =
      ParseLogFormat(absl::GetFlag(FLAGS_log_format));
  wrong->Add(NamingSettings(AsFlag("log_format"), format.status()));
  options.log_format = format.value_or(options.log_format);
  const absl::StatusOr<LogLevel> level =
      ParseLogLevel(absl::GetFlag(FLAGS_log_level));
  wrong->Add(NamingSettings(AsFlag("log_level"), level.status()));
  options.log_level = level.value_or(options.log_level);
  options.trim_heap = absl::GetFlag(FLAGS_trim_heap);
  options.park_callback_threads = absl::GetFlag(FLAGS_park_callback_threads);
  wrong->Add(Validate(options), AsFlag);
  return options;
}

}  // namespace msgproc::base
