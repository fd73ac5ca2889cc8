#ifndef MSGPROC_TOOLS_CTL_STAGES_H_
#define MSGPROC_TOOLS_CTL_STAGES_H_

#include "absl/strings/string_view.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

struct NamedStage {
  admin::v1::Stage stage;
  absl::string_view name;
};

// What operators call the places that a message can be at.
inline constexpr NamedStage kStages[] = {
    {admin::v1::STAGE_QUEUED, "queued"},
    {admin::v1::STAGE_HANDLER, "handler"},
    {admin::v1::STAGE_COMMIT, "commit"},
    {admin::v1::STAGE_WRITE, "write"},
    {admin::v1::STAGE_ACKNOWLEDGEMENT, "acknowledgement"},
};

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_STAGES_H_
