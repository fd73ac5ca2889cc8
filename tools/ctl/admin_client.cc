#include "tools/ctl/admin_client.h"

#include <glob.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/channel_arguments.h"
#include "common/grpc_deadline.h"
#include "services/base/client_certificates.h"
#include "tools/ctl/text.h"

namespace msgproc::ctl {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr uint32_t kPage = 1000;
// A server looks at all sessions for each page: the fewer, the better. It ends
// a page before it is larger than a message may be.
constexpr uint32_t kSessionsPage = 10'000;

// The only server that has a socket in one of the folders.
absl::StatusOr<std::string> FindServer(
    const std::vector<std::string>& folders) {
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    glob_t found{};
    glob(absl::StrCat(folder, "/*.admin.sock").c_str(), 0, nullptr, &found);
    paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
  }
  if (paths.size() == 1) return absl::StrCat("unix:", paths[0]);
  return absl::NotFoundError(absl::StrCat(
      paths.empty() ? absl::StrCat("no server has a socket in ",
                                   absl::StrJoin(folders, " or "))
                    : absl::StrCat("there are several servers, ",
                                   absl::StrJoin(paths, ", ")),
      ": say which with --server=unix:/path or --server=host:port, as the "
      "server's --admin_address has it (it logs \"serving operators\")"));
}

}  // namespace

AdminClient::AdminClient(std::string server,
                         std::unique_ptr<admin::v1::Admin::Stub> admin,
                         std::unique_ptr<admin::v1::Fleet::Stub> fleet)
    : server_(std::move(server)),
      admin_(std::move(admin)),
      fleet_(std::move(fleet)) {}

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(
    const Options& options) {
  std::string server = options.server;
  if (server.empty()) {
    absl::StatusOr<std::string> found = FindServer(options.folders);
    if (!found.ok()) return found.status();
    server = *std::move(found);
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials =
      grpc::InsecureChannelCredentials();
  if (!absl::StartsWith(server, "unix:")) {
    if (options.tls_ca.empty() || options.tls_cert.empty() ||
        options.tls_key.empty()) {
      return absl::InvalidArgumentError(
          "a server on host:port wants --tls_ca, --tls_cert and --tls_key: "
          "your certificate must be of the authority that its "
          "--admin_client_ca names");
    }
    auto files = base::ClientCertificates::Load({.name = "admin",
                                                 .ca = options.tls_ca,
                                                 .cert = options.tls_cert,
                                                 .key = options.tls_key});
    if (!files.ok()) return files.status();
    credentials = (*files)->Credentials();
  }
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(server, credentials, OwnChannelArguments());
  return std::unique_ptr<AdminClient>(
      new AdminClient(server, admin::v1::Admin::NewStub(channel),
                      admin::v1::Fleet::NewStub(channel)));
}

template <typename Stub, typename Request>
AdminClient::For AdminClient::KindsOf(const Request& request) {
  if (std::is_same_v<Stub, admin::v1::Fleet::Stub>) return For::kBalancers;
  if constexpr (std::is_same_v<Request, admin::v1::DumpStateRequest>) {
    const bool of_session =
        !request.session_id().empty() || request.stream() != 0;
    return of_session ? For::kProcessors : For::kBoth;
  }
  return std::is_same_v<Request, admin::v1::SetLogLevelRequest> ||
                 std::is_same_v<Request, admin::v1::GetStatusRequest>
             ? For::kBoth
             : For::kProcessors;
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> AdminClient::Call(
    Stub* stub, Method<Stub, Request, Response> method,
    const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineAfter(kTimeout));
  Response response;
  const grpc::Status status = (stub->*method)(&context, request, &response);
  if (status.ok()) return response;
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return absl::UnavailableError(absl::StrCat(
          "nothing answers at ", server_, " (", status.error_message(), ")"));
    case absl::StatusCode::kUnimplemented:
      return absl::UnimplementedError(WhyUnimplemented(KindsOf<Stub>(request)));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(
          absl::StrCat("no answer from ", server_, " within ",
                       absl::FormatDuration(kTimeout)));
    default:
      return absl::Status(code, status.error_message());
  }
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> AdminClient::CallForAll(
    Stub* stub, Method<Stub, Request, Response> method, Request request) {
  request.set_page_size(kPage);
  Response all;
  for (;;) {
    auto page = Call(stub, method, request);
    if (!page.ok()) return page;
    all.MergeFrom(*page);
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  all.clear_next_page_token();
  return all;
}

std::string AdminClient::WhyUnimplemented(For kinds) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineAfter(kTimeout));
  admin::v1::GetStatusResponse status;
  if (!admin_->GetStatus(&context, {}, &status).ok()) {
    return absl::StrCat(
        "what answers at ", server_,
        " is no server's --admin_address, or it is of a release that has none "
        "(in its /metrics msgproc_build_info names its release): ask where its "
        "log says \"serving operators\", or go on with the upgrade");
  }
  if (kinds == For::kProcessors &&
      status.kind() == admin::v1::SERVER_KIND_BALANCER) {
    return absl::StrCat(server_,
                        " is a balancer, which has no sessions: ask a "
                        "processor (`msgproc servers` lists them)");
  }
  if (kinds == For::kBalancers &&
      status.kind() == admin::v1::SERVER_KIND_PROCESSOR) {
    return absl::StrCat(server_,
                        " is a processor, which knows of no others: ask a "
                        "balancer");
  }
  return absl::StrCat(server_, " is of release ", Shown(status.version()),
                      " and cannot do that yet: use the msgproc of that "
                      "release, or go on with the upgrade");
}

absl::StatusOr<admin::v1::GetStatusResponse> AdminClient::GetStatus() {
  return Call(admin_.get(), &admin::v1::Admin::Stub::GetStatus,
              admin::v1::GetStatusRequest());
}

absl::StatusOr<admin::v1::ListSessionsResponse> AdminClient::ListSessions(
    admin::v1::ListSessionsRequest request, uint64_t most) {
  admin::v1::ListSessionsResponse all;
  for (;;) {
    const auto have = static_cast<uint64_t>(all.sessions_size());
    request.set_page_size(most == 0 ? kSessionsPage
                                    : static_cast<uint32_t>(std::min<uint64_t>(
                                          kSessionsPage, most - have)));
    auto page =
        Call(admin_.get(), &admin::v1::Admin::Stub::ListSessions, request);
    if (!page.ok()) return page;
    const std::string next = page->next_page_token();
    all.MergeFrom(*page);
    all.set_next_page_token(next);
    if (next.empty() ||
        (most > 0 && static_cast<uint64_t>(all.sessions_size()) >= most)) {
      return all;
    }
    request.set_page_token(next);
  }
}

template <typename Request, typename Response>
absl::StatusOr<Response> AdminClient::CallFor(
    const std::string& name,
    Method<admin::v1::Admin::Stub, Request, Response> method) {
  Request request;
  request.set_session_id(name);
  auto response = Call(admin_.get(), method, request);
  // No session has this name: it may be that of a stream without one.
  uint64_t stream = 0;
  if (!absl::IsNotFound(response.status()) || !absl::StartsWith(name, "@") ||
      !absl::SimpleAtoi(name.substr(1), &stream)) {
    return response;
  }
  request.clear_session_id();
  request.set_stream(stream);
  return Call(admin_.get(), method, request);
}

absl::StatusOr<admin::v1::Session> AdminClient::GetSession(
    const std::string& name) {
  const auto response = CallFor(name, &admin::v1::Admin::Stub::GetSession);
  if (!response.ok()) return response.status();
  return response->session();
}

absl::StatusOr<admin::v1::ListWorkersResponse> AdminClient::ListWorkers() {
  admin::v1::ListWorkersRequest request;
  return CallForAll(admin_.get(), &admin::v1::Admin::Stub::ListWorkers,
                    request);
}

absl::StatusOr<admin::v1::MoveSessionsResponse> AdminClient::MoveSessions(
    uint64_t sessions, const std::string& address) {
  admin::v1::MoveSessionsRequest request;
  request.set_sessions(sessions);
  request.set_address(address);
  return Call(admin_.get(), &admin::v1::Admin::Stub::MoveSessions, request);
}

absl::Status AdminClient::ForgetSession(const std::string& id) {
  admin::v1::ForgetSessionRequest request;
  request.set_session_id(id);
  return Call(admin_.get(), &admin::v1::Admin::Stub::ForgetSession, request)
      .status();
}

absl::StatusOr<admin::v1::SetLogLevelResponse> AdminClient::SetLogLevel(
    admin::v1::LogLevel level, const std::string& session_id) {
  admin::v1::SetLogLevelRequest request;
  request.set_level(level);
  request.set_session_id(session_id);
  auto response =
      Call(admin_.get(), &admin::v1::Admin::Stub::SetLogLevel, request);
  if (!response.ok() || response->session_id() == session_id) return response;
  // It knows none of sessions, and has taken it for its own: undone.
  request.set_level(response->before());
  request.clear_session_id();
  response = Call(admin_.get(), &admin::v1::Admin::Stub::SetLogLevel, request);
  if (!response.ok()) return response;
  return absl::UnimplementedError(WhyUnimplemented(For::kBoth));
}

absl::StatusOr<admin::v1::TraceSessionResponse> AdminClient::TraceSession(
    const admin::v1::TraceSessionRequest& request) {
  return Call(admin_.get(), &admin::v1::Admin::Stub::TraceSession, request);
}

absl::StatusOr<admin::v1::DumpStateResponse> AdminClient::DumpState(
    const std::string& name) {
  return CallFor(name, &admin::v1::Admin::Stub::DumpState);
}

absl::StatusOr<admin::v1::SetCordonResponse> AdminClient::SetCordon(
    bool cordoned) {
  admin::v1::SetCordonRequest request;
  request.set_cordoned(cordoned);
  return Call(admin_.get(), &admin::v1::Admin::Stub::SetCordon, request);
}

absl::Status AdminClient::EndStream(const std::string& name) {
  return CallFor(name, &admin::v1::Admin::Stub::EndStream).status();
}

absl::StatusOr<admin::v1::ListServersResponse> AdminClient::ListServers(
    const admin::v1::ListServersRequest& request) {
  auto listed =
      CallForAll(fleet_.get(), &admin::v1::Fleet::Stub::ListServers, request);
  if (!listed.ok() || request.state() == v1::SERVER_STATE_UNSPECIFIED) {
    return listed;
  }
  // A balancer of an older release lists them whatever their state is.
  auto* const servers = listed->mutable_servers();
  servers->erase(std::remove_if(servers->begin(), servers->end(),
                                [&](const admin::v1::FleetServer& server) {
                                  return server.status().state() !=
                                         request.state();
                                }),
                 servers->end());
  return listed;
}

absl::Status AdminClient::OrderServer(const std::string& server_id,
                                      const v1::Order& order) {
  admin::v1::OrderServerRequest request;
  request.set_server_id(server_id);
  *request.mutable_order() = order;
  return Call(fleet_.get(), &admin::v1::Fleet::Stub::OrderServer, request)
      .status();
}

}  // namespace msgproc::ctl
