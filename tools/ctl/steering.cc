#include "tools/ctl/steering.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "tools/ctl/drain_progress.h"
#include "tools/ctl/server_text.h"
#include "tools/ctl/text.h"

namespace msgproc::ctl {
namespace {

using Command = CommandLine::Command;

constexpr absl::Duration kLook = absl::Milliseconds(100);
// A report that says so comes within a fraction of it.
constexpr absl::Duration kObeys = absl::Seconds(5);

absl::Time Now() { return Clock::Monotonic()->Now(); }

void Say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// One processor, however it is reached.
class Steered {
 public:
  virtual ~Steered() = default;
  // Returns when it is so, and what to tell the operator.
  virtual absl::StatusOr<std::string> Cordon(bool cordoned) = 0;
  virtual absl::Status SendAway(const std::string& to) = 0;
  virtual absl::StatusOr<uint64_t> Sockets() = 0;
};

class Direct final : public Steered {
 public:
  explicit Direct(AdminClient* client) : client_(client) {}

  absl::StatusOr<std::string> Cordon(bool cordoned) override {
    const auto done = client_->SetCordon(cordoned);
    if (!done.ok()) return done.status();
    return CordonText(cordoned, *done);
  }
  absl::Status SendAway(const std::string& to) override {
    return client_->MoveSessions(0, to).status();
  }
  absl::StatusOr<uint64_t> Sockets() override {
    const auto status = client_->GetStatus();
    if (!status.ok()) return status.status();
    return status->streams();
  }

 private:
  AdminClient* const client_;
};

class ThroughBalancer final : public Steered {
 public:
  ThroughBalancer(AdminClient* client, std::string server_id)
      : client_(client), server_id_(std::move(server_id)) {}

  absl::StatusOr<std::string> Cordon(bool cordoned) override {
    absl::StatusOr<v1::ServerStatus> status = Look();
    if (!status.ok()) return status.status();
    admin::v1::SetCordonResponse done;
    done.set_before(status->cordoned());
    v1::Order order;
    order.set_cordoned(cordoned);
    absl::Status told = client_->OrderServer(server_id_, order);
    if (!told.ok()) return told;
    const absl::Time deadline = Now() + kObeys;
    while (status.ok() && status->cordoned() != cordoned) {
      if (Now() >= deadline) {
        return absl::DeadlineExceededError(
            absl::StrCat(server_id_, " was told, and has not said that it is ",
                         cordoned ? "cordoned" : "not cordoned", " within ",
                         absl::FormatDuration(kObeys)));
      }
      absl::SleepFor(kLook);
      status = Look();
    }
    if (!status.ok()) return status.status();
    done.set_balancers(1);
    done.set_balancers_registered(1);
    return CordonText(cordoned, done);
  }
  absl::Status SendAway(const std::string& to) override {
    v1::Order order;
    order.set_drain(true);
    order.set_drain_to(to);
    return client_->OrderServer(server_id_, order);
  }
  // By its last report.
  absl::StatusOr<uint64_t> Sockets() override {
    const auto status = Look();
    if (!status.ok()) return status.status();
    return status->load().sessions();
  }

 private:
  absl::StatusOr<v1::ServerStatus> Look() {
    admin::v1::ListServersRequest request;
    request.set_server_id(server_id_);
    const auto listed = client_->ListServers(request);
    if (!listed.ok()) return listed.status();
    if (listed->servers().empty()) {
      return absl::NotFoundError(
          absl::StrCat("there is no server '", Shown(server_id_),
                       "' at this balancer; `msgproc servers` lists them"));
    }
    return listed->servers(0).status();
  }

  AdminClient* const client_;
  const std::string server_id_;
};

absl::Status Drain(const CommandLine& line, Steered* server) {
  DrainProgress progress(line.timeout, Now());
  auto verdict = DrainProgress::Verdict::kGoOn;
  while (verdict == DrainProgress::Verdict::kGoOn) {
    if (progress.TellNow(Now())) {
      absl::Status told = server->SendAway(line.move_to);
      if (!told.ok()) return told;
    }
    absl::SleepFor(kLook);
    const absl::StatusOr<uint64_t> sockets = server->Sockets();
    if (!sockets.ok()) return sockets.status();
    verdict = progress.OnLeft(*sockets, Now());
    const std::string said = progress.TakeLine();
    if (!said.empty()) Say(said + "\n");
  }
  if (verdict == DrainProgress::Verdict::kDone) return absl::OkStatus();
  return absl::DeadlineExceededError(
      "not all have gone: streams without a session cannot be sent away and "
      "end by themselves, and a client that knows no other server comes back "
      "(`msgproc ls` lists sessions). The server is cordoned still; `msgproc "
      "uncordon` undoes that");
}

}  // namespace

absl::Status Steer(const CommandLine& line, AdminClient* client) {
  const auto asked = client->GetStatus();
  if (!asked.ok()) return asked.status();
  Direct direct(client);
  ThroughBalancer through(client, line.server_id);
  Steered* server = &direct;
  if (asked->kind() == admin::v1::SERVER_KIND_BALANCER) {
    if (line.server_id.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          client->server(),
          " is a balancer: say which of its servers, as `msgproc servers` "
          "names them"));
    }
    server = &through;
  } else if (!line.server_id.empty() && line.server_id != asked->server_id()) {
    return absl::InvalidArgumentError(absl::StrCat(
        client->server(), " is the processor '", Shown(asked->server_id()),
        "', not '", Shown(line.server_id), "'"));
  }
  const absl::StatusOr<std::string> said =
      server->Cordon(line.command != Command::kUncordon);
  if (!said.ok()) return said.status();
  Say(*said);
  return line.command == Command::kDrain ? Drain(line, server)
                                         : absl::OkStatus();
}

}  // namespace msgproc::ctl
