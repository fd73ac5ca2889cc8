#include "services/base/log.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace msgproc::server {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%fZ %^%L%$ %v";
// %v is `"msg":…` and the fields, escaped already.
constexpr char kJsonPattern[] =
    R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

// Either is written by InitLog alone, before threads start.
std::atomic<LogFormat> format_in_use{LogFormat::kText};
std::atomic<LogLevel> least_level{LogLevel::kInfo};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> MakeLogger(LogFormat format) {
  const bool json = format == LogFormat::kJson;
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (json) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  }
  auto logger = std::make_shared<spdlog::logger>("msgproc", std::move(sink));
  logger->set_pattern(json ? kJsonPattern : kTextPattern,
                      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  return logger;
}

// Never destroyed: threads of gRPC may log while the process ends.
std::shared_ptr<spdlog::logger>& Logger() {
  static auto* const logger =
      new std::shared_ptr<spdlog::logger>(MakeLogger(LogFormat::kText));
  return *logger;
}

void LogFromGrpc(gpr_log_func_args* args) {
  LogLevel level = LogLevel::kDebug;
  if (args->severity == GPR_LOG_SEVERITY_INFO) level = LogLevel::kInfo;
  if (args->severity == GPR_LOG_SEVERITY_ERROR) level = LogLevel::kError;
  if (!LogEnabled(level)) return;
  const absl::string_view path(args->file);
  const absl::string_view file = path.substr(path.rfind('/') + 1);
  const std::string where = absl::StrCat(file, ":", args->line);
  Log(level, args->message, {{"source", "grpc"}, {"at", where}});
}

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return absl::InvalidArgumentError(absl::StrCat(
      "the log level is debug, info, warning or error, not \"", text, "\""));
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError(
      absl::StrCat("the log format is text or json, not \"", text, "\""));
}

void InitLog(LogFormat format, LogLevel level) {
  Logger() = MakeLogger(format);
  format_in_use.store(format);
  least_level.store(level);
  // Before that gRPC logs nothing at all; it reads GRPC_VERBOSITY.
  gpr_log_verbosity_init();
  gpr_set_log_function(LogFromGrpc);
}

bool LogEnabled(LogLevel level) {
  return level >= least_level.load(std::memory_order_relaxed);
}

void Log(LogLevel level, absl::string_view message, LogFields fields) {
  std::string line;
  if (format_in_use.load(std::memory_order_relaxed) == LogFormat::kJson) {
    line = "\"msg\":";
    AppendJsonString(message, &line);
    for (const LogField& field : fields) {
      line += ',';
      AppendJsonString(field.key, &line);
      line += ':';
      field.value.AppendJson(&line);
    }
  } else {
    AppendOneLine(message, &line);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=");
      field.value.AppendText(&line);
    }
  }
  Logger()->log(ToSpdlog(level),
                spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace msgproc::server
