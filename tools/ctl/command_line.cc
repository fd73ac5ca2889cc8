#include "tools/ctl/command_line.h"

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

ABSL_FLAG(std::string, sort, "",
          "Of ls and top, which sessions come first: id, unread (results that "
          "the client has not acknowledged: slow readers), memory, waiting "
          "(the oldest message without a result) or messages. Of ls id, of "
          "top unread unless it is said.");
ABSL_FLAG(uint64_t, n, 0,
          "How many sessions: of ls (all) and top (20) to show, of move (all) "
          "to tell.");
ABSL_FLAG(std::string, state, "",
          "Only sessions that are attached, or detached.");
ABSL_FLAG(std::string, principal, "", "Only sessions of this principal.");
ABSL_FLAG(std::string, handler, "", "Only sessions of this handler.");
ABSL_FLAG(std::string, prefix, "", "Only sessions whose id begins with this.");
ABSL_FLAG(std::string, stage, "",
          "Only sessions whose oldest message is there: queued, handler, "
          "commit, write or acknowledgement.");
ABSL_FLAG(std::string, to, "",
          "Of move: where the sessions are to go, host:port as their clients "
          "are to dial it.");
ABSL_FLAG(absl::Duration, interval, absl::Seconds(1), "Of top: between looks.");
ABSL_FLAG(uint64_t, rounds, 0, "Of top: how many looks; 0: until Ctrl-C.");
ABSL_FLAG(bool, json, false, "For scripts: an object of admin.proto a line.");

namespace msgproc::ctl {
namespace {

using Command = CommandLine::Command;
using admin::v1::ListSessionsRequest;

constexpr uint64_t kTopSessions = 20;

struct Grammar {
  Command command;
  // What stands behind the command; empty: nothing.
  absl::string_view argument;
};

const std::map<std::string, Grammar>& Commands() {
  static const auto* const commands = new std::map<std::string, Grammar>{
      {"status", {Command::kStatus, ""}},
      {"ls", {Command::kList, ""}},
      {"top", {Command::kTop, ""}},
      {"show", {Command::kShow, "SESSION"}},
      {"move", {Command::kMove, ""}},
      {"forget", {Command::kForget, "SESSION"}},
      {"log", {Command::kLog, "LEVEL"}}};
  return *commands;
}

template <typename Value>
absl::Status Choose(absl::string_view what, const std::string& word,
                    const std::map<std::string, Value>& values, Value* value) {
  const auto found = values.find(word);
  if (found != values.end()) {
    *value = found->second;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " '", word, "' is none of ",
      absl::StrJoin(values, ", ", [](std::string* out, const auto& known) {
        absl::StrAppend(out, known.first);
      })));
}

absl::Status ReadFilters(CommandLine* line) {
  ListSessionsRequest* const list = &line->list;
  std::string sort = absl::GetFlag(FLAGS_sort);
  if (sort.empty()) sort = line->command == Command::kTop ? "unread" : "id";
  auto order = ListSessionsRequest::ORDER_UNSPECIFIED;
  absl::Status status = Choose<ListSessionsRequest::Order>(
      "--sort:", sort,
      {{"id", ListSessionsRequest::ORDER_UNSPECIFIED},
       {"unread", ListSessionsRequest::ORDER_UNREAD},
       {"memory", ListSessionsRequest::ORDER_BYTES},
       {"waiting", ListSessionsRequest::ORDER_WAITING},
       {"messages", ListSessionsRequest::ORDER_MESSAGES}},
      &order);
  list->set_order(order);
  const std::string state = absl::GetFlag(FLAGS_state);
  if (status.ok() && !state.empty()) {
    auto attachment = ListSessionsRequest::ATTACHMENT_UNSPECIFIED;
    status = Choose<ListSessionsRequest::Attachment>(
        "--state:", state,
        {{"attached", ListSessionsRequest::ATTACHMENT_ATTACHED},
         {"detached", ListSessionsRequest::ATTACHMENT_DETACHED}},
        &attachment);
    list->set_attachment(attachment);
  }
  const std::string stage = absl::GetFlag(FLAGS_stage);
  if (status.ok() && !stage.empty()) {
    auto where = admin::v1::STAGE_UNSPECIFIED;
    status = Choose<admin::v1::Stage>(
        "--stage:", stage,
        {{"queued", admin::v1::STAGE_QUEUED},
         {"handler", admin::v1::STAGE_HANDLER},
         {"commit", admin::v1::STAGE_COMMIT},
         {"write", admin::v1::STAGE_WRITE},
         {"acknowledgement", admin::v1::STAGE_ACKNOWLEDGEMENT}},
        &where);
    list->set_stage(where);
  }
  list->set_principal(absl::GetFlag(FLAGS_principal));
  list->set_handler(absl::GetFlag(FLAGS_handler));
  list->set_session_id_prefix(absl::GetFlag(FLAGS_prefix));
  line->most = absl::GetFlag(FLAGS_n);
  if (line->most == 0 && line->command == Command::kTop) {
    line->most = kTopSessions;
  }
  return status;
}

absl::Status ReadArgument(const std::string& word, CommandLine* line) {
  if (line->command != Command::kLog) {
    line->session_id = word;
    return absl::OkStatus();
  }
  return Choose<admin::v1::LogLevel>("level", word,
                                     {{"debug", admin::v1::LOG_LEVEL_DEBUG},
                                      {"info", admin::v1::LOG_LEVEL_INFO},
                                      {"warning", admin::v1::LOG_LEVEL_WARNING},
                                      {"error", admin::v1::LOG_LEVEL_ERROR}},
                                     &line->log_level);
}

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(
    const std::vector<std::string>& words) {
  if (words.empty()) {
    return absl::InvalidArgumentError(
        "say what to do: status, ls, top, show, move, forget or log");
  }
  Grammar grammar{};
  absl::Status status = Choose("command", words[0], Commands(), &grammar);
  if (!status.ok()) return status;
  CommandLine line;
  line.command = grammar.command;
  const size_t arguments = grammar.argument.empty() ? 0 : 1;
  if (words.size() - 1 != arguments) {
    return absl::InvalidArgumentError(
        arguments == 0
            ? absl::StrCat(words[0], " takes no '", words[1], "'")
            : absl::StrCat("write it as: ", words[0], " ", grammar.argument));
  }
  if (arguments == 1) status = ReadArgument(words[1], &line);
  if (status.ok()) status = ReadFilters(&line);
  if (!status.ok()) return status;
  line.move_to = absl::GetFlag(FLAGS_to);
  line.move_sessions = absl::GetFlag(FLAGS_n);
  if (line.command == Command::kMove && line.move_to.empty()) {
    return absl::InvalidArgumentError(
        "say where the sessions are to go: --to=HOST:PORT");
  }
  line.interval = absl::GetFlag(FLAGS_interval);
  if (line.interval < absl::Milliseconds(100)) {
    return absl::InvalidArgumentError("--interval takes at least 100ms");
  }
  line.rounds = absl::GetFlag(FLAGS_rounds);
  line.json = absl::GetFlag(FLAGS_json);
  return line;
}

}  // namespace msgproc::ctl
