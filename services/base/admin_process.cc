#include "services/base/admin_process.h"

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "wire/proto_duration.h"

namespace msgproc::base {
namespace {

admin::v1::LogLevel LevelMessage(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return admin::v1::LOG_LEVEL_DEBUG;
    case LogLevel::kInfo:
      return admin::v1::LOG_LEVEL_INFO;
    case LogLevel::kWarning:
      return admin::v1::LOG_LEVEL_WARNING;
    case LogLevel::kError:
      break;
  }
  return admin::v1::LOG_LEVEL_ERROR;
}

absl::StatusOr<LogLevel> LevelOf(admin::v1::LogLevel level) {
  switch (level) {
    case admin::v1::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    case admin::v1::LOG_LEVEL_INFO:
      return LogLevel::kInfo;
    case admin::v1::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case admin::v1::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    default:
      return absl::InvalidArgumentError(
          "level is none that this server knows.");
  }
}

}  // namespace

void WriteProcessStatus(admin::v1::ServerKind kind, absl::Time begun,
                        VitalsMeter* vitals,
                        admin::v1::GetStatusResponse* status) {
  status->set_kind(kind);
  *status->mutable_uptime() = wire::ToProto(Clock::Monotonic()->Now() - begun);
  status->set_log_level(LevelMessage(GetLogLevel()));
  *status->mutable_vitals() = vitals->Read();
  status->set_version(status->vitals().version());
  status->set_why_not_serving(status->vitals().why_not_serving());
}

absl::Status ChangeLogLevel(const admin::v1::SetLogLevelRequest& request,
                            admin::v1::SetLogLevelResponse* response) {
  if (!request.session_id().empty()) {
    return absl::NotFoundError("This server has no sessions.");
  }
  const absl::StatusOr<LogLevel> level = LevelOf(request.level());
  if (!level.ok()) return level.status();
  response->set_before(LevelMessage(GetLogLevel()));
  SetLogLevel(*level);
  Log(*level, "log level changed",
      {{"log_level", LogLevelName(*level)}, {"by", "an operator"}});
  return absl::OkStatus();
}

}  // namespace msgproc::base
