#ifndef MSGPROC_TOOLS_CTL_STORY_TEXT_H_
#define MSGPROC_TOOLS_CTL_STORY_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// All that is known of one session, for people: who, since when, what its
// streams went through, how far it is, and where its oldest message is. Dates
// are of the server's clock, in `zone`. A server of an older release leaves out
// what it does not know.
std::string SessionStory(const admin::v1::Session& session,
                         absl::TimeZone zone = absl::LocalTimeZone());

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_STORY_TEXT_H_
