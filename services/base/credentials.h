#ifndef MSGPROC_SERVICES_BASE_CREDENTIALS_H_
#define MSGPROC_SERVICES_BASE_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/setting_name.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace msgproc::base {

class Authenticator;
class FileWatcher;

struct CredentialsOptions {
  // PEM files. With a certificate and its key: TLS, otherwise plaintext.
  std::string tls_cert;
  std::string tls_key;
  // A PEM file too; with it clients must show a certificate that one of its
  // authorities has signed.
  std::string tls_client_ca;
  // Allows plaintext on an address that other machines can reach.
  bool insecure = false;
  // How often the files are looked at. Changed ones are used once they were the
  // same twice, for connections made from then on.
  absl::Duration reload_interval = absl::Seconds(2);
  // Set: each call shows who it is from, whatever its service
  // (RequireCredentials). Null: services ask for themselves.
  std::shared_ptr<const Authenticator> authenticate_all;
  // What errors call these settings.
  SettingName setting_name = AsOption;
};

// What a server that listens on `listen_address` shows its clients. The files
// are read and checked here, so that a mistake stops the start and not a
// handshake; afterwards `files` watches them, and they are taken anew when they
// change and are good: the certificate and its key together, in whatever order
// they are replaced. `files` outlives the server.
// NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT, naming the file and the
// setting; FAILED_PRECONDITION for plaintext that others could reach.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const CredentialsOptions& options, absl::string_view listen_address,
    FileWatcher* files);

// The part of it that needs no gRPC.
absl::Status CheckCredentials(const CredentialsOptions& options,
                              absl::string_view listen_address);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_CREDENTIALS_H_
