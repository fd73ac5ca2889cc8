#include "services/base/log.h"

#include <grpc/support/log.h>
#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/debugging/failure_signal_handler.h"
#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"
#include "services/base/log_throttle.h"
#include "services/base/log_writer.h"

namespace msgproc::base {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%fZ %^%L%$ %v";
// %v is `"msg":…` and the fields, escaped already.
constexpr char kJsonPattern[] =
    R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

// Written by InitLog alone, before threads start.
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

// As a terminal wants them; indexed by spdlog's level.
absl::string_view Colour(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "\033[36m";
    case spdlog::level::info:
      return "\033[32m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    default:
      return "\033[31m\033[1m";
  }
}

// Makes whole lines of messages and their fields. Thread-safe.
class LineFormatter {
 public:
  explicit LineFormatter(LogFormat format) { Use(format); }

  void Use(LogFormat format) {
    const std::lock_guard<std::mutex> lock(mutex_);
    colours_ = format == LogFormat::kText &&
               spdlog::details::os::in_terminal(stderr) &&
               spdlog::details::os::is_color_terminal();
    formatter_ = std::make_unique<spdlog::pattern_formatter>(
        format == LogFormat::kJson ? kJsonPattern : kTextPattern,
        spdlog::pattern_time_type::utc);
  }

  // Calls `take` with lines in the order of their times.
  template <typename Take>
  void Format(LogLevel level, absl::string_view body, const Take& take) {
    const std::lock_guard<std::mutex> lock(mutex_);
    spdlog::details::log_msg message(
        "", ToSpdlog(level), spdlog::string_view_t(body.data(), body.size()));
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    std::string line(buffer.data(), buffer.size());
    if (colours_ && message.color_range_end > message.color_range_start) {
      line.insert(message.color_range_end, "\033[m");
      line.insert(message.color_range_start, Colour(message.level).data());
    }
    take(std::move(line));
  }

 private:
  std::mutex mutex_;
  bool colours_ = false;
  std::unique_ptr<spdlog::pattern_formatter> formatter_;
};

// Neither is ever destroyed: threads of gRPC may log while the process ends.
LineFormatter& Formatter() {
  static auto* const formatter = new LineFormatter(LogFormat::kText);
  return *formatter;
}
std::atomic<LogWriter*> writer_in_use{nullptr};

// `"msg":"…","key":…` or `… key=…`.
std::string Body(LogFormat format, absl::string_view message,
                 LogFields fields) {
  std::string body;
  if (format == LogFormat::kJson) {
    body = "\"msg\":";
    AppendJsonString(message, &body);
    for (const LogField& field : fields) {
      body += ',';
      AppendJsonString(field.key, &body);
      body += ':';
      field.value.AppendJson(&body);
    }
    return body;
  }
  AppendOneLine(message, &body);
  for (const LogField& field : fields) {
    absl::StrAppend(&body, " ", field.key, "=");
    field.value.AppendText(&body);
  }
  return body;
}

std::string DroppedNotice(uint64_t dropped) {
  const LogFormat format = format_in_use.load(std::memory_order_relaxed);
  std::string notice;
  // Of its own: the one in use may be held by who gives the writer a line.
  LineFormatter(format).Format(
      LogLevel::kWarning,
      Body(format,
           "log lines were dropped here: nobody read standard error, or it "
           "could not be written",
           {{"dropped", dropped}}),
      [&](std::string line) { notice = std::move(line); });
  return notice;
}

// What is still to be written, then `text`; null: that was all.
void FlushAndSay(const char* text) {
  static std::atomic<bool> flushed{false};
  if (!flushed.exchange(true)) {
    if (const LogWriter* writer = writer_in_use.load(); writer != nullptr) {
      writer->FlushInSignalHandler(kLogFlushTimeout);
    }
  }
  if (text == nullptr) return;
  const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(written);
}

// What gRPC or a runtime says before it aborts is the line that counts; behind
// it comes which signal it was, and the stack of the thread that it met.
void SayWhatKills() {
  // Abseil takes them all. Some have a handler already, a sanitizer's or the
  // program's own; two others are no faults.
  std::vector<std::pair<int, struct sigaction>> stay;
  for (const int signal :
       {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM, SIGTRAP}) {
    struct sigaction current {};
    sigaction(signal, nullptr, &current);
    if (signal == SIGTERM || signal == SIGTRAP ||
        (current.sa_flags & SA_SIGINFO) != 0 || current.sa_handler != SIG_DFL) {
      stay.emplace_back(signal, current);
    }
  }
  absl::InitializeSymbolizer(nullptr);
  absl::FailureSignalHandlerOptions options;
  options.writerfn = FlushAndSay;
  absl::InstallFailureSignalHandler(options);
  for (const auto& [signal, action] : stay) {
    sigaction(signal, &action, nullptr);
  }
}

void StartWriter() {
  LogWriter::Options options;
  options.notice = DroppedNotice;
  writer_in_use.store(new LogWriter(std::move(options)));
  std::atexit([] { FlushLog(); });
  SayWhatKills();
}

void LogFromGrpc(gpr_log_func_args* args) {
  LogLevel level = LogLevel::kDebug;
  if (args->severity == GPR_LOG_SEVERITY_INFO) level = LogLevel::kInfo;
  if (args->severity == GPR_LOG_SEVERITY_ERROR) level = LogLevel::kError;
  if (!LogEnabled(level)) return;
  const absl::string_view path(args->file);
  const absl::string_view file = path.substr(path.rfind('/') + 1);
  const std::string where = absl::StrCat(file, ":", args->line);
  // One for each handshake that fails, which others can bring about; with the
  // client's address TlsHandshakes says it.
  if (file == "ssl_transport_security.cc") {
    static LogThrottle throttle;
    const absl::optional<uint64_t> suppressed = throttle.Admit();
    if (!suppressed.has_value()) return;
    return Log(
        level, args->message,
        {{"source", "grpc"}, {"at", where}, {"suppressed", *suppressed}});
  }
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

absl::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError(
      absl::StrCat("the log format is text or json, not \"", text, "\""));
}

void InitLog(LogFormat format, LogLevel level) {
  Formatter().Use(format);
  format_in_use.store(format);
  least_level.store(level);
  if (writer_in_use.load() == nullptr) StartWriter();
  // Before that gRPC logs nothing at all; it reads GRPC_VERBOSITY.
  gpr_log_verbosity_init();
  gpr_set_log_function(LogFromGrpc);
}

void SetLogLevel(LogLevel level) { least_level.store(level); }

LogLevel GetLogLevel() { return least_level.load(std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level >= GetLogLevel(); }

bool FlushLog(absl::Duration timeout) {
  const LogWriter* const writer = writer_in_use.load();
  return writer == nullptr || writer->Flush(timeout);
}

uint64_t LogLinesDropped() {
  const LogWriter* const writer = writer_in_use.load();
  return writer == nullptr ? 0 : writer->dropped();
}

void Log(LogLevel level, absl::string_view message, LogFields fields) {
  const LogFormat format = format_in_use.load(std::memory_order_relaxed);
  LogWriter* const writer = writer_in_use.load(std::memory_order_acquire);
  Formatter().Format(level, Body(format, message, fields),
                     [&](std::string line) {
                       if (writer == nullptr) {
                         std::fwrite(line.data(), 1, line.size(), stderr);
                       } else {
                         writer->Write(std::move(line));
                       }
                     });
}

}  // namespace msgproc::base
