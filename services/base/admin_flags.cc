#include "services/base/admin_flags.h"

#include <sys/stat.h>

#include <cstddef>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/base/admin_folder.h"
#include "services/base/listen_address.h"
#include "services/base/user_path.h"

ABSL_FLAG(std::string, admin_address, msgproc::base::AdminOptions().address,
          "Where operators look in and steer (tools/ctl): unix:/path, which "
          "only the server's own user can open, or host:port with "
          "--admin_client_ca and the server's own certificate. auto: a Unix "
          "socket in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR/msgproc, "
          "else none. Empty: nowhere.");
ABSL_FLAG(std::string, admin_client_ca, "",
          "PEM file with certificate authorities, for an --admin_address on "
          "TCP: whoever shows a certificate that one of them signed may do "
          "everything there. Never the authority of your clients.");

namespace msgproc::base {

AdminOptions AdminOptionsFromFlags() {
  AdminOptions options = {
      .address = absl::GetFlag(FLAGS_admin_address),
      .client_ca = UserPath(absl::GetFlag(FLAGS_admin_client_ca))};
  const absl::StatusOr<ListenAddress> parsed =
      ListenAddress::Parse(options.address);
  if (parsed.ok() && parsed->is_unix()) {
    options.address = absl::StrCat("unix:", UserPath(parsed->path));
  }
  return options;
}

WrongSettings Validate(const AdminOptions& options,
                       const CredentialsOptions& server) {
  WrongSettings wrong;
  if (options.address.empty() || options.address == AdminOptions::kAuto) {
    return wrong;
  }
  const absl::StatusOr<ListenAddress> address =
      ListenAddress::Parse(options.address);
  if (!address.ok()) {
    wrong.Add(absl::Status(
        address.status().code(),
        absl::StrCat("admin_address: ", address.status().message())));
  } else if (!address->is_unix() &&
             (options.client_ca.empty() || server.tls_cert.empty())) {
    wrong.Add(
        "An {admin_address} on TCP needs {admin_client_ca}, with the authority "
        "of the operators' certificates, and the server's own {tls_cert} and "
        "{tls_key}; without them give it a Unix socket, as in "
        "unix:/run/msgproc/admin.sock.");
  }
  return wrong;
}

std::string AutomaticAdminAddress(absl::string_view program,
                                  absl::string_view grpc_address) {
  const std::string folder = AdminFolder();
  if (folder.empty()) return "";
  mkdir(folder.c_str(), 0700);
  // What is behind the last ":" or "/" tells servers of one machine apart.
  const size_t cut = grpc_address.find_last_of(":/");
  return absl::StrCat("unix:", folder, "/", program, "-",
                      grpc_address.substr(cut + 1), ".admin.sock");
}

}  // namespace msgproc::base
