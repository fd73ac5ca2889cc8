#ifndef MSGPROC_SERVICES_BASE_LOG_H_
#define MSGPROC_SERVICES_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The log of both servers: a message that never varies, and fields that do.
//
//   LogInfo("session opened", {{"session", id}, {"peer", peer}});
//
// As text, with colour on a terminal:
//   2024-05-01T12:00:00.123456Z I session opened session=7f3a peer=ipv4:…
// As JSON, an object a line:
//   {"ts":"2024-05-01T12:00:00.123456Z","level":"info","msg":"session
//   opened",…}
//
// All of it goes to standard error, through a LogWriter: who logs never waits
// for who reads, and what nobody reads is dropped, counted and said. Every
// function may be called from any thread; lines never mix and keep their order.
// A line costs microseconds: none per message, and a LogThrottle where a client
// could cause a flood.
namespace msgproc::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// "debug", "info", "warning", "error"; INVALID_ARGUMENT otherwise.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text);
absl::string_view LogLevelName(LogLevel level);
// "text", "json"; INVALID_ARGUMENT otherwise.
absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text);

// Sets format and least level, takes gRPC's own log in, and starts the thread
// that writes. Before it is called: text, info, written by whoever logs. Call
// it in main, before threads start.
//
// From then on what is queued is written when the process exits, and when a
// fault or abort() ends it, unless that takes longer than kLogFlushTimeout;
// behind it, in plain text, the signal and the stack of the thread that it met.
// _exit drops it: FlushLog first.
void InitLog(LogFormat format, LogLevel level);

inline constexpr absl::Duration kLogFlushTimeout = absl::Seconds(1);

// Waits until all lines so far are written; false when that took longer than
// `timeout`.
bool FlushLog(absl::Duration timeout = kLogFlushTimeout);

// Lines dropped so far, because nobody took them or they could not be written.
uint64_t LogLinesDropped();

// The least level from now on, and the one that is now. Any thread.
void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();

// Whether a line of this level is written: lets the caller skip costly fields.
bool LogEnabled(LogLevel level);

// A field's value. Keeps no copy of text: for use within the call only.
class LogValue {
 public:
  enum class Kind { kText, kSigned, kUnsigned, kDouble, kBool, kDuration };

  // NOLINTBEGIN(google-explicit-constructor): so that fields read as pairs.
  LogValue(absl::string_view value) : kind_(Kind::kText), text_(value) {}
  LogValue(const std::string& value) : kind_(Kind::kText), text_(value) {}
  LogValue(const char* value) : kind_(Kind::kText), text_(value) {}
  LogValue(absl::Duration value) : kind_(Kind::kDuration), duration_(value) {}
  LogValue(bool value) : kind_(Kind::kBool), signed_(value ? 1 : 0) {}
  LogValue(double value) : kind_(Kind::kDouble), double_(value) {}
  template <typename T,
            std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>,
                             int> = 0>
  LogValue(T value)
      : kind_(std::is_signed_v<T> ? Kind::kSigned : Kind::kUnsigned),
        signed_(static_cast<int64_t>(value)) {}
  // NOLINTEND(google-explicit-constructor)

  // As `key=value` has it: quoted where it would not read as one word.
  void AppendText(std::string* out) const;
  void AppendJson(std::string* out) const;

 private:
  Kind kind_;
  absl::string_view text_;
  absl::Duration duration_;
  int64_t signed_ = 0;
  double double_ = 0;
};

struct LogField {
  absl::string_view key;
  LogValue value;
};
using LogFields = std::initializer_list<LogField>;

void Log(LogLevel level, absl::string_view message, LogFields fields = {});

inline void LogDebug(absl::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(absl::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kInfo)) Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kWarning)) Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kError)) Log(LogLevel::kError, message, fields);
}

// `text` as a JSON string, quotes included; bytes that are not UTF-8 become
// U+FFFD, so that the line stays JSON whatever a client called itself.
void AppendJsonString(absl::string_view text, std::string* out);

// `text` with its control characters as \x0a, so that one line stays one.
void AppendOneLine(absl::string_view text, std::string* out);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LOG_H_
