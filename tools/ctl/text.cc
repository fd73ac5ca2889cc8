#include "tools/ctl/text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/base/log.h"
#include "tools/ctl/stages.h"
#include "wire/proto_duration.h"

namespace msgproc::ctl {
namespace {

using admin::v1::Session;

// Characters and not bytes: what continues one takes no room.
size_t WidthOf(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

uint64_t Unread(const Session& session) {
  return session.ready_through() -
         std::min(session.received_through(), session.ready_through());
}

uint64_t Waiting(const Session& session) {
  return session.accepted_through() -
         std::min(session.ready_through(), session.accepted_through());
}

std::string StateName(const Session& session) {
  if (session.stream() != 0) return "anonymous";
  return session.attached() ? "attached" : "detached";
}

std::string Oldest(const Session& session) {
  return session.has_oldest_unanswered()
             ? Length(wire::FromProto(session.oldest_unanswered()))
             : "-";
}

}  // namespace

std::string Shown(absl::string_view text) {
  std::string shown;
  base::AppendOneLine(text, &shown);
  return shown;
}

std::string OrDash(absl::string_view text) {
  return text.empty() ? "-" : Shown(text);
}

std::string Table(const std::vector<std::vector<std::string>>& lines,
                  const std::vector<size_t>& right) {
  std::vector<size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string room(widths[i] - WidthOf(line[i]), ' ');
      const bool to_the_right =
          std::find(right.begin(), right.end(), i) != right.end();
      absl::StrAppend(&text, to_the_right ? room : "", line[i]);
      if (i + 1 == line.size()) break;
      absl::StrAppend(&text, to_the_right ? "" : room, "  ");
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string StatusText(int code, absl::string_view message) {
  return absl::StrCat(
      absl::StatusCodeToString(static_cast<absl::StatusCode>(code)),
      message.empty() ? "" : ": ", Shown(message));
}

std::string Count(double value) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return absl::StrFormat("%.0f", value);
  return value < 99.95 ? absl::StrFormat("%.1f%s", value, kUnits[unit])
                       : absl::StrFormat("%.0f%s", value, kUnits[unit]);
}

std::string Bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0 || value >= 9.95) {
    return absl::StrFormat("%.0f %s", value, kUnits[unit]);
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string Length(absl::Duration length) {
  const double seconds = absl::ToDoubleSeconds(length);
  if (seconds < 0.9995e-3) return absl::StrFormat("%.0f µs", seconds * 1e6);
  if (seconds < 0.9995) return absl::StrFormat("%.0f ms", seconds * 1e3);
  if (seconds < 9.95) return absl::StrFormat("%.1f s", seconds);
  if (seconds < 119.5) return absl::StrFormat("%.0f s", seconds);
  if (seconds < 119.5 * 60) return absl::StrFormat("%.0f min", seconds / 60);
  if (seconds < 47.5 * 3600) return absl::StrFormat("%.0f h", seconds / 3600);
  return absl::StrFormat("%.0f d", seconds / 86400);
}

std::string StageName(admin::v1::Stage stage) {
  for (const NamedStage& known : kStages) {
    if (known.stage == stage) return std::string(known.name);
  }
  return "-";
}

std::string EnumWord(absl::string_view name, absl::string_view prefix) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(absl::StripPrefix(name, prefix)), {{"_", " "}});
}

std::string SessionName(const Session& session) {
  return session.session_id().empty() ? absl::StrCat("@", session.stream())
                                      : Shown(session.session_id());
}

std::string SessionLines(const admin::v1::ListSessionsResponse& sessions,
                         const Rates* rates) {
  std::vector<std::vector<std::string>> lines = {
      {"SESSION", "PRINCIPAL", "HANDLER", "PEER", "STATE", "FOR", "MESSAGES",
       "WAITING", "UNREAD", "MEMORY", "OLDEST", "IS AT"}};
  if (rates != nullptr) lines[0].insert(lines[0].begin() + 6, "/S");
  for (const Session& session : sessions.sessions()) {
    std::vector<std::string> line = {
        SessionName(session),
        OrDash(session.principal()),
        Shown(session.handler()),
        OrDash(session.peer()),
        StateName(session),
        Length(wire::FromProto(session.state_age())),
        Count(static_cast<double>(session.accepted_through())),
        Count(static_cast<double>(Waiting(session))),
        Count(static_cast<double>(Unread(session))),
        Bytes(session.bytes()),
        Oldest(session),
        StageName(session.stage())};
    if (rates != nullptr) {
      const auto rate = rates->find(SessionName(session));
      line.insert(line.begin() + 6,
                  rate == rates->end() ? "-" : Count(rate->second));
    }
    lines.push_back(std::move(line));
  }
  if (rates != nullptr) return Table(lines, {5, 6, 7, 8, 9, 10, 11});
  return Table(lines, {5, 6, 7, 8, 9, 10});
}

}  // namespace msgproc::ctl
