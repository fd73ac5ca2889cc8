#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/low_priority.h"
#include "services/base/admin_folder.h"
#include "services/base/flag_parser.h"
#include "services/base/user_path.h"
#include "tools/ctl/admin_client.h"
#include "tools/ctl/check.h"
#include "tools/ctl/command_line.h"
#include "tools/ctl/dump_text.h"
#include "tools/ctl/findings.h"
#include "tools/ctl/json_line.h"
#include "tools/ctl/server_text.h"
#include "tools/ctl/steering.h"
#include "tools/ctl/story_text.h"
#include "tools/ctl/text.h"
#include "tools/ctl/trace.h"
#include "tools/ctl/worker_text.h"

ABSL_FLAG(std::string, server, "",
          "Which server, a processor or a balancer: its --admin_address, "
          "unix:/path or host:port; of check several, separated by commas. "
          "Empty: the only one that has a socket in $RUNTIME_DIRECTORY, "
          "$XDG_RUNTIME_DIR/msgproc, /run/msgproc-processor or "
          "/run/msgproc-balancer.");
ABSL_FLAG(std::string, tls_ca, "",
          "PEM file with the authority of a server on host:port.");
ABSL_FLAG(std::string, tls_cert, "", "PEM file with your certificate for it.");
ABSL_FLAG(std::string, tls_key, "", "PEM file with that certificate's key.");

namespace msgproc::ctl {
namespace {

constexpr char kUsage[] =
    "bazel run //tools/ctl -- COMMAND [flags]\n"
    "\n"
    "  status            what the server is and does\n"
    "  ls                its sessions, and the streams that have none\n"
    "  top               the same again and again, with messages a second\n"
    "  show SESSION      one session's story\n"
    "  trace SESSION     what happens to it, as it happens\n"
    "  dump [SESSION]    what the state machines behind it hold, or the "
    "server's\n"
    "  workers           its worker processes (Model II)\n"
    "  servers           the servers that a balancer knows\n"
    "  check             what is wrong, in plain words\n"
    "  cordon [SERVER]   balancers send nobody there; who comes is served\n"
    "  uncordon [SERVER] they do again\n"
    "  drain [SERVER]    cordons, sends sockets away, waits until none is "
    "left\n"
    "  move --to=ADDRESS tells sessions to go to another server\n"
    "  end SESSION       ends its stream: the client comes back and resumes\n"
    "  forget SESSION    forgets a session that no stream has\n"
    "  log LEVEL         logs from debug, info, warning or error on\n"
    "\n"
    "Sessions:\n"
    "  SESSION is as `ls` names it; @NUMBER is a stream without a session.\n"
    "  log --session=SESSION debug logs all that happens to one, whatever the\n"
    "  level of the others is; default instead of debug ends that.\n"
    "\n"
    "Servers:\n"
    "  SERVER is one of a balancer's, as `servers` names it; a processor that\n"
    "  is asked itself needs no name. A drained process goes on; a cordon "
    "ends\n"
    "  with it. check takes several, --server=A,B.\n"
    "\n"
    "Exit codes:\n"
    "  0; 1: refused, not reached or not drained in time; 2: called wrongly.\n"
    "  Of check 0: nothing is wrong; 1: warnings; 2: something critical.";

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// Prints what was asked for, as people or scripts read it.
template <typename Response>
absl::Status Show(const absl::StatusOr<Response>& response, bool json,
                  std::string (*text)(const Response&)) {
  if (!response.ok()) return response.status();
  if (json) {
    Print(JsonLine(*response));
  } else {
    Print(text(*response));
  }
  return absl::OkStatus();
}

std::string ListText(const admin::v1::ListSessionsResponse& sessions,
                     const Rates* rates = nullptr) {
  return absl::StrCat(SessionLines(sessions, rates), sessions.sessions_size(),
                      " of ", sessions.matching(), " shown, ", sessions.total(),
                      " in all\n");
}

std::string LevelBefore(const admin::v1::SetLogLevelResponse& set) {
  if (set.before() == admin::v1::LOG_LEVEL_UNSPECIFIED)
    return "it was default\n";
  return absl::StrCat(
      "it was ", EnumWord(admin::v1::LogLevel_Name(set.before()), "LOG_LEVEL_"),
      "\n");
}

absl::Status Top(const CommandLine& line, AdminClient* client) {
  std::map<std::string, uint64_t> before;
  absl::Time looked;
  for (uint64_t round = 0; line.rounds == 0 || round < line.rounds; ++round) {
    if (round > 0) absl::SleepFor(line.interval);
    const auto sessions = client->ListSessions(line.list, line.most);
    if (!sessions.ok()) return sessions.status();
    const absl::Time now = Clock::Monotonic()->Now();
    Rates rates;
    std::map<std::string, uint64_t> seen;
    for (const admin::v1::Session& session : sessions->sessions()) {
      const std::string name = SessionName(session);
      const auto last = before.find(name);
      if (last != before.end() && last->second <= session.accepted_through()) {
        rates[name] =
            static_cast<double>(session.accepted_through() - last->second) /
            absl::ToDoubleSeconds(now - looked);
      }
      seen[name] = session.accepted_through();
    }
    before = std::move(seen);
    looked = now;
    if (line.json) {
      Print(JsonLine(*sessions));
    } else {
      // Home, and what stood there before away.
      if (isatty(STDOUT_FILENO) != 0) Print("\x1b[H\x1b[2J");
      Print(ListText(*sessions, &rates));
    }
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

absl::Status Run(const CommandLine& line, AdminClient* client) {
  switch (line.command) {
    case CommandLine::Command::kStatus:
      return Show(client->GetStatus(), line.json, StatusText);
    case CommandLine::Command::kList:
      if (line.watch) return Top(line, client);
      return Show<admin::v1::ListSessionsResponse>(
          client->ListSessions(line.list, line.most), line.json,
          [](const auto& sessions) { return ListText(sessions); });
    case CommandLine::Command::kTop:
      return Top(line, client);
    case CommandLine::Command::kShow:
      return Show<admin::v1::Session>(
          client->GetSession(line.session_id), line.json,
          [](const auto& session) { return SessionStory(session); });
    case CommandLine::Command::kTrace:
      return Trace(line, client);
    case CommandLine::Command::kDump:
      return Show<admin::v1::DumpStateResponse>(
          client->DumpState(line.session_id), line.json, DumpLines);
    case CommandLine::Command::kMove:
      return Show<admin::v1::MoveSessionsResponse>(
          client->MoveSessions(line.move_sessions, line.move_to), line.json,
          [](const auto& moved) {
            return absl::StrCat(moved.told(), " sessions were told to go\n");
          });
    case CommandLine::Command::kForget: {
      const absl::Status status = client->ForgetSession(line.session_id);
      if (status.ok() && !line.json) Print("forgotten\n");
      return status;
    }
    case CommandLine::Command::kEnd: {
      const absl::Status status = client->EndStream(line.session_id);
      if (status.ok() && !line.json) Print("ended\n");
      return status;
    }
    case CommandLine::Command::kServers:
      return Show<admin::v1::ListServersResponse>(
          client->ListServers(line.servers), line.json, ServerLines);
    case CommandLine::Command::kWorkers:
      return Show(client->ListWorkers(), line.json, WorkerLines);
    case CommandLine::Command::kCordon:
    case CommandLine::Command::kUncordon:
    case CommandLine::Command::kDrain:
      return Steer(line, client);
    case CommandLine::Command::kCheck:
      break;  // Asks several, and so not here.
    case CommandLine::Command::kLog:
      return Show<admin::v1::SetLogLevelResponse>(
          client->SetLogLevel(line.log_level, line.session_id), line.json,
          [](const auto& set) { return LevelBefore(set); });
  }
  return absl::InternalError("a command without a meaning");
}

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "msgproc: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

absl::StatusOr<std::unique_ptr<AdminClient>> Connect(
    const std::string& server) {
  std::vector<std::string> folders = {"/run/msgproc-processor",
                                      "/run/msgproc-balancer"};
  if (std::string own = base::AdminFolder(); !own.empty()) {
    folders.insert(folders.begin(), std::move(own));
  }
  return AdminClient::Connect(
      {.server = server,
       .folders = folders,
       .tls_ca = base::UserPath(absl::GetFlag(FLAGS_tls_ca)),
       .tls_cert = base::UserPath(absl::GetFlag(FLAGS_tls_cert)),
       .tls_key = base::UserPath(absl::GetFlag(FLAGS_tls_key))});
}

int Check(bool json) {
  std::vector<Answer> answers;
  // An empty one is the only server of the folders.
  const std::vector<std::string> servers =
      absl::StrSplit(absl::GetFlag(FLAGS_server), ',');
  for (const std::string& server : servers) {
    const auto client = Connect(server);
    if (!client.ok()) return Fail(client.status(), base::kUsageExitCode);
    answers.push_back(Ask(client->get()));
  }
  const std::vector<Finding> findings = Judge(answers);
  Print(json ? FindingsJson(findings) : FindingLines(findings));
  return static_cast<int>(WorstOf(findings));
}

int Main(int argc, char** argv) {
  // Often it runs beside the server that is looked into.
  LowerPriority();
  // What is no flag says what to do; flags are written as --name=value.
  std::vector<std::string> words;
  std::vector<char*> flags = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], "-")) {
      flags.push_back(argv[i]);
    } else {
      words.emplace_back(argv[i]);
    }
  }
  base::ParseFlagsOrExit(
      static_cast<int>(flags.size()), flags.data(),
      {.name = "msgproc",
       .summary = "Looks into a server that serves, and steers it.",
       .usage = kUsage});
  const absl::StatusOr<CommandLine> line = ReadCommandLine(words);
  if (!line.ok()) return Fail(line.status(), base::kUsageExitCode);
  if (line->command == CommandLine::Command::kCheck) return Check(line->json);
  const auto client = Connect(absl::GetFlag(FLAGS_server));
  if (!client.ok()) return Fail(client.status(), base::kUsageExitCode);
  const absl::Status status = Run(*line, client->get());
  return status.ok() ? 0 : Fail(status, 1);
}

}  // namespace
}  // namespace msgproc::ctl

int main(int argc, char** argv) { return msgproc::ctl::Main(argc, argv); }
