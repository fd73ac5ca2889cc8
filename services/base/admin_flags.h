#ifndef MSGPROC_SERVICES_BASE_ADMIN_FLAGS_H_
#define MSGPROC_SERVICES_BASE_ADMIN_FLAGS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "services/base/credentials.h"
#include "services/base/server_flags.h"
#include "services/base/wrong_settings.h"

namespace msgproc::base {

// Where operators get in.
struct AdminOptions {
  static constexpr char kAuto[] = "auto";

  // As ListenAddress::Parse takes it; empty: nowhere. kAuto: a Unix socket in
  // the folder for such things, if there is one.
  std::string address = kAuto;
  // PEM file with the authorities that sign operators' certificates. Needed,
  // together with the server's own certificate, where the address is not a Unix
  // socket.
  std::string client_ca;
};

AdminOptions AdminOptionsFromFlags();

// Bounds of these options, beside those that the server shares with them.
WrongSettings Validate(const AdminOptions& options,
                       const CredentialsOptions& server);

// What kAuto stands for, of a program that serves clients on `grpc_address`: a
// Unix socket in AdminFolder, which is made for its owner only; empty: nowhere.
std::string AutomaticAdminAddress(absl::string_view program,
                                  absl::string_view grpc_address);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADMIN_FLAGS_H_
