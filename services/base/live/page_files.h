#ifndef MSGPROC_SERVICES_BASE_LIVE_PAGE_FILES_H_
#define MSGPROC_SERVICES_BASE_LIVE_PAGE_FILES_H_

#include "absl/strings/string_view.h"

// Files that the build put into the program.
namespace msgproc::base::page {

extern const absl::string_view kPage;
extern const absl::string_view kStyle;
extern const absl::string_view kScript;

}  // namespace msgproc::base::page

#endif  // MSGPROC_SERVICES_BASE_LIVE_PAGE_FILES_H_
