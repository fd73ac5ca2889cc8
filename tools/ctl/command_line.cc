#include "tools/ctl/command_line.h"

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "msgproc/v1/balancer.pb.h"
#include "tools/ctl/stages.h"

ABSL_FLAG(std::string, sort, "",
          "Of ls and top, which sessions come first: id, unread (results that "
          "the client has not acknowledged: slow readers), memory, waiting "
          "(the oldest message without a result) or messages. Of ls id, of "
          "top unread unless it is said.");
ABSL_FLAG(uint64_t, n, 0,
          "How many sessions: of ls (all) and top (20) to show, of move (all) "
          "to tell.");
ABSL_FLAG(std::string, state, "",
          "Of ls and top: only sessions that are attached, or detached; or "
          "streams without a session: anonymous. Of servers: only those that "
          "are serving, draining (as cordoned ones are), unhealthy or stale.");
ABSL_FLAG(std::string, principal, "", "Only sessions of this principal.");
ABSL_FLAG(std::string, handler, "", "Only sessions of this handler.");
ABSL_FLAG(std::string, prefix, "", "Only sessions whose id begins with this.");
ABSL_FLAG(std::string, stage, "",
          "Only sessions whose oldest message is there: queued, handler, "
          "commit, write or acknowledgement.");
ABSL_FLAG(std::string, to, "",
          "Of move and drain: where the sessions are to go, host:port as their "
          "clients are to dial it. Of drain empty: their clients ask their "
          "balancer, or dial their target again.");
ABSL_FLAG(absl::Duration, timeout, absl::Minutes(5),
          "Of drain: how long to wait until no socket is left.");
ABSL_FLAG(std::string, session, "",
          "Of log: only this session's events, with level debug, or default "
          "for an end of that. Empty: all that the server logs.");
ABSL_FLAG(absl::Duration, for, absl::ZeroDuration(),
          "Of trace: how long to follow the session; 0: until Ctrl-C.");
ABSL_FLAG(bool, watch, false,
          "Of ls: again and again, as top does, with messages a second.");
ABSL_FLAG(absl::Duration, interval, absl::Seconds(1),
          "Of top and ls --watch: between looks.");
ABSL_FLAG(uint64_t, rounds, 0,
          "Of top and ls --watch: how many looks; 0: until Ctrl-C.");
ABSL_FLAG(bool, json, false, "For scripts: an object of admin.proto a line.");

namespace msgproc::ctl {
namespace {

using Command = CommandLine::Command;
using admin::v1::ListSessionsRequest;

constexpr uint64_t kTopSessions = 20;

// What stands behind a command.
enum class Argument { kNone, kSession, kSessionOrNone, kLevel, kServerOrNone };

struct Grammar {
  Command command;
  Argument argument;
};

const std::map<std::string, Grammar>& Commands() {
  static const auto* const commands = new std::map<std::string, Grammar>{
      {"status", {Command::kStatus, Argument::kNone}},
      {"ls", {Command::kList, Argument::kNone}},
      {"top", {Command::kTop, Argument::kNone}},
      {"show", {Command::kShow, Argument::kSession}},
      {"move", {Command::kMove, Argument::kNone}},
      {"forget", {Command::kForget, Argument::kSession}},
      {"end", {Command::kEnd, Argument::kSession}},
      {"log", {Command::kLog, Argument::kLevel}},
      {"servers", {Command::kServers, Argument::kNone}},
      {"workers", {Command::kWorkers, Argument::kNone}},
      {"cordon", {Command::kCordon, Argument::kServerOrNone}},
      {"uncordon", {Command::kUncordon, Argument::kServerOrNone}},
      {"drain", {Command::kDrain, Argument::kServerOrNone}},
      {"check", {Command::kCheck, Argument::kNone}},
      {"trace", {Command::kTrace, Argument::kSession}},
      {"dump", {Command::kDump, Argument::kSessionOrNone}}};
  return *commands;
}

absl::string_view ArgumentName(Argument argument) {
  switch (argument) {
    case Argument::kSession:
      return "SESSION";
    case Argument::kSessionOrNone:
      return "[SESSION]";
    case Argument::kLevel:
      return "LEVEL";
    case Argument::kServerOrNone:
      return "[SERVER]";
    case Argument::kNone:
      break;
  }
  return "";
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
  // Servers have others.
  if (status.ok() && !state.empty() && line->command != Command::kServers) {
    auto attachment = ListSessionsRequest::ATTACHMENT_UNSPECIFIED;
    status = Choose<ListSessionsRequest::Attachment>(
        "--state:", state,
        {{"anonymous", ListSessionsRequest::ATTACHMENT_ANONYMOUS},
         {"attached", ListSessionsRequest::ATTACHMENT_ATTACHED},
         {"detached", ListSessionsRequest::ATTACHMENT_DETACHED}},
        &attachment);
    list->set_attachment(attachment);
  }
  const std::string stage = absl::GetFlag(FLAGS_stage);
  if (status.ok() && !stage.empty()) {
    auto where = admin::v1::STAGE_UNSPECIFIED;
    std::map<std::string, admin::v1::Stage> stages;
    for (const NamedStage& known : kStages) {
      stages.emplace(known.name, known.stage);
    }
    status = Choose<admin::v1::Stage>("--stage:", stage, stages, &where);
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

absl::Status ReadServerFilters(CommandLine* line) {
  const std::string state = absl::GetFlag(FLAGS_state);
  if (line->command != Command::kServers || state.empty()) {
    return absl::OkStatus();
  }
  auto chosen = v1::SERVER_STATE_UNSPECIFIED;
  absl::Status status =
      Choose<v1::ServerState>("--state:", state,
                              {{"draining", v1::SERVER_STATE_DRAINING},
                               {"serving", v1::SERVER_STATE_SERVING},
                               {"stale", v1::SERVER_STATE_STALE},
                               {"unhealthy", v1::SERVER_STATE_UNHEALTHY}},
                              &chosen);
  line->servers.set_state(chosen);
  return status;
}

absl::Status ReadArgument(Argument argument, const std::string& word,
                          CommandLine* line) {
  if (argument == Argument::kSession || argument == Argument::kSessionOrNone) {
    line->session_id = word;
  }
  if (argument == Argument::kServerOrNone) line->server_id = word;
  if (argument != Argument::kLevel) return absl::OkStatus();
  return Choose<admin::v1::LogLevel>(
      "level", word,
      {{"debug", admin::v1::LOG_LEVEL_DEBUG},
       {"info", admin::v1::LOG_LEVEL_INFO},
       {"warning", admin::v1::LOG_LEVEL_WARNING},
       {"error", admin::v1::LOG_LEVEL_ERROR},
       {"default", admin::v1::LOG_LEVEL_UNSPECIFIED}},
      &line->log_level);
}

// Whose level it is: a session has two, and a server others.
absl::Status ReadLogged(CommandLine* line) {
  line->session_id = absl::GetFlag(FLAGS_session);
  const bool of_all = line->session_id.empty();
  if (of_all && line->log_level == admin::v1::LOG_LEVEL_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "level 'default' is a session's: say which with --session=SESSION");
  }
  if (of_all || line->log_level == admin::v1::LOG_LEVEL_DEBUG ||
      line->log_level == admin::v1::LOG_LEVEL_UNSPECIFIED) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a session is logged at debug, or as all others are: default");
}

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(
    const std::vector<std::string>& words) {
  if (words.empty()) {
    return absl::InvalidArgumentError(
        "say what to do: status, ls, top, show, trace, dump, move, forget, "
        "end, log, servers, workers, cordon, uncordon, drain or check");
  }
  Grammar grammar{};
  absl::Status status = Choose("command", words[0], Commands(), &grammar);
  if (!status.ok()) return status;
  CommandLine line;
  line.command = grammar.command;
  const size_t given = words.size() - 1;
  const bool none = grammar.argument == Argument::kNone;
  const bool may_lack = none || grammar.argument == Argument::kServerOrNone ||
                        grammar.argument == Argument::kSessionOrNone;
  if (none && given > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(words[0], " takes no '", words[1], "'"));
  }
  if (given > 1 || (given == 0 && !may_lack)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "write it as: ", words[0], " ", ArgumentName(grammar.argument)));
  }
  if (given == 1) status = ReadArgument(grammar.argument, words[1], &line);
  if (status.ok() && line.command == Command::kLog) status = ReadLogged(&line);
  if (status.ok()) status = ReadFilters(&line);
  if (status.ok()) status = ReadServerFilters(&line);
  if (!status.ok()) return status;
  line.move_to = absl::GetFlag(FLAGS_to);
  line.move_sessions = absl::GetFlag(FLAGS_n);
  if (line.command == Command::kMove && line.move_to.empty()) {
    return absl::InvalidArgumentError(
        "say where the sessions are to go: --to=HOST:PORT");
  }
  line.timeout = absl::GetFlag(FLAGS_timeout);
  line.trace_for = absl::GetFlag(FLAGS_for);
  if (line.trace_for < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--for takes no negative time");
  }
  line.interval = absl::GetFlag(FLAGS_interval);
  if (line.interval < absl::Milliseconds(100)) {
    return absl::InvalidArgumentError("--interval takes at least 100ms");
  }
  line.watch = absl::GetFlag(FLAGS_watch);
  line.rounds = absl::GetFlag(FLAGS_rounds);
  line.json = absl::GetFlag(FLAGS_json);
  return line;
}

}  // namespace msgproc::ctl
