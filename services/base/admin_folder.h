#ifndef MSGPROC_SERVICES_BASE_ADMIN_FOLDER_H_
#define MSGPROC_SERVICES_BASE_ADMIN_FOLDER_H_

#include <string>

namespace msgproc::base {

// Where servers make the Unix sockets that operators come in by, and their
// tools look for them: systemd's RUNTIME_DIRECTORY, else msgproc in the user's
// XDG_RUNTIME_DIR. Empty: there is neither.
std::string AdminFolder();

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADMIN_FOLDER_H_
