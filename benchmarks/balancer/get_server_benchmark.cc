// GetServer beside the least that gRPC allows: a unary call whose request is
// not parsed and whose answer is ready-made, of the same size. Same client,
// same program, each server in a process of its own; runs take turns, and the
// medians count. The balancer picks among 1,000 servers. All of them, and the
// client, have one polling thread (common/callback_threads.h), as the product.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmarks/child_server.h"
#include "benchmarks/measurement.h"
#include "common/callback_threads.h"
#include "common/mutex.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/policy_kind.h"
#include "services/balancer/server.h"
#include "services/base/log.h"

ABSL_FLAG(std::string, role, "", "For the servers it starts itself.");
ABSL_FLAG(int, calls, 20000, "Calls a run.");
ABSL_FLAG(int, rounds, 15, "Runs of each.");

namespace msgproc::balancer {
namespace {

using benchmarks::ChildServer;
using benchmarks::Measurement;
using benchmarks::Median;

constexpr int kServers = 1000;

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

std::string AddressOf(int i) { return absl::StrCat("127.0.0.1:", 10000 + i); }

grpc::ByteBuffer ReadyMadeAnswer() {
  v1::GetServerResponse response;
  for (int i = 0; i < 4; ++i) {
    v1::Server* const server =
        i == 0 ? response.mutable_server() : response.add_alternatives();
    server->set_server_id(absl::StrCat("processor-", 100 + i));
    server->set_address(AddressOf(i));
  }
  grpc::Slice slice(response.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

class RawService final : public v1::Balancer::WithRawCallbackMethod_GetServer<
                             v1::Balancer::Service> {
 public:
  grpc::ServerUnaryReactor* GetServer(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* /*request*/,
                                      grpc::ByteBuffer* response) override {
    *response = answer_;
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const grpc::ByteBuffer answer_ = ReadyMadeAnswer();
};

int ServeRaw() {
  RawService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const CallbackThreads callback_threads;
  ChildServer::Serve(absl::StrCat("127.0.0.1:", port));
  return 0;
}

int ServeBalancer(absl::string_view policy) {
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  ServerOptions options;
  options.grpc.acceptor.address = "127.0.0.1:0";
  options.fleet.policy = *ParsePolicyKind(policy);
  options.fleet.registry.lease = absl::Hours(1);
  auto server = Server::Start(options);
  if (!server.ok()) return 1;
  Fleet& fleet = (*server)->fleet();
  for (int i = 0; i < kServers; ++i) {
    ServerReport report;
    report.server_id = absl::StrCat("processor-", i);
    report.address = AddressOf(i);
    if (!fleet.Register(report, nullptr).ok()) return 1;
    fleet.SetHealth(report.address, Health::kServing);
  }
  const CallbackThreads callback_threads;
  ChildServer::Serve((*server)->grpc_address());
  return 0;
}

// Keeps a number of calls under way until all are answered.
class Client {
 public:
  Client(const std::string& address, int connections, int outstanding,
         int calls)
      : outstanding_(outstanding), left_(calls) {
    for (int i = 0; i < connections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      const auto channel = grpc::CreateCustomChannel(
          address, grpc::InsecureChannelCredentials(), arguments);
      channel->WaitForConnected(std::chrono::system_clock::now() +
                                std::chrono::seconds(10));
      stubs_.push_back(v1::Balancer::NewStub(channel));
    }
  }

  Measurement Run() {
    Measurement measurement;
    measurement.messages = static_cast<uint64_t>(left_.load());
    const int64_t begin = NowNs();
    for (int i = 0; i < outstanding_; ++i) {
      {
        MutexLock lock(&mutex_);
        ++running_;
      }
      Ask(stubs_[static_cast<size_t>(i) % stubs_.size()].get());
    }
    MutexLock lock(&mutex_);
    while (running_ > 0) finished_.Wait(&mutex_);
    measurement.seconds = static_cast<double>(NowNs() - begin) / 1e9;
    measurement.latency_ns = std::move(latency_ns_);
    return measurement;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::GetServerRequest request;
    v1::GetServerResponse response;
    int64_t start = 0;
  };

  void Ask(v1::Balancer::Stub* stub) {
    const int number = left_.fetch_sub(1);
    if (number <= 0) {
      MutexLock lock(&mutex_);
      --running_;
      finished_.SignalAll();
      return;
    }
    auto* const call = new Call;
    call->request.set_affinity_key(absl::StrCat("user-", number));
    call->start = NowNs();
    stub->async()->GetServer(&call->context, &call->request, &call->response,
                             [this, stub, call](const grpc::Status& status) {
                               OnAnswer(*call, status);
                               delete call;
                               Ask(stub);
                             });
  }

  void OnAnswer(const Call& call, const grpc::Status& status) {
    if (!status.ok() || call.response.alternatives_size() != 3) {
      std::fprintf(stderr, "wrong answer: %s\n",
                   status.error_message().c_str());
      std::exit(1);
    }
    MutexLock lock(&mutex_);
    latency_ns_.push_back(NowNs() - call.start);
  }

  const int outstanding_;
  std::vector<std::unique_ptr<v1::Balancer::Stub>> stubs_;
  std::atomic<int> left_;
  Mutex mutex_;
  CondVar finished_;
  int running_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::vector<int64_t> latency_ns_ MSGPROC_GUARDED_BY(mutex_);
};

struct Summary {
  std::vector<double> per_second;
  std::vector<double> p50_us;
  std::vector<double> server_cpu_us;
};

void RunOnce(const ChildServer& server, int connections, int outstanding,
             Summary* summary) {
  const int calls = outstanding == 1 ? absl::GetFlag(FLAGS_calls) / 6
                                     : absl::GetFlag(FLAGS_calls);
  Client client(server.address(), connections, outstanding, calls);
  const double cpu = server.CpuSeconds();
  Measurement measurement = client.Run();
  summary->per_second.push_back(measurement.MessagesPerSecond());
  summary->p50_us.push_back(measurement.LatencyMicroseconds(0.5));
  summary->server_cpu_us.push_back((server.CpuSeconds() - cpu) * 1e6 / calls);
}

int Run() {
  const std::vector<std::string> roles = {
      "raw", "least_sessions", "round_robin", "random", "consistent_hash"};
  std::vector<std::unique_ptr<ChildServer>> servers;
  for (const std::string& role : roles) {
    servers.push_back(ChildServer::Start(role));
  }
  std::printf(
      "| server          | connections | outstanding |  calls/s | of raw | p50 "
      "us | server CPU us |\n"
      "|-----------------|------------:|------------:|---------:|-------:|----"
      "---:|--------------:|\n");
  for (const auto& [connections, outstanding] :
       {std::pair(1, 1), std::pair(1, 64), std::pair(8, 64)}) {
    std::vector<Summary> summaries(roles.size());
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      for (size_t i = 0; i < roles.size(); ++i) {
        RunOnce(*servers[i], connections, outstanding, &summaries[i]);
      }
    }
    for (size_t i = 0; i < roles.size(); ++i) {
      // Of each round by itself: the machine may be busier in another.
      std::vector<double> ratios;
      for (size_t round = 0; round < summaries[i].per_second.size(); ++round) {
        ratios.push_back(summaries[i].per_second[round] /
                         summaries[0].per_second[round]);
      }
      std::printf("| %-15s | %11d | %11d | %8.0f | %6.2f | %6.0f | %13.1f |\n",
                  roles[i].c_str(), connections, outstanding,
                  Median(summaries[i].per_second), Median(ratios),
                  Median(summaries[i].p50_us),
                  Median(summaries[i].server_cpu_us));
    }
  }
  return 0;
}

}  // namespace
}  // namespace msgproc::balancer

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role.empty()) {
    const msgproc::CallbackThreads callback_threads;
    return msgproc::balancer::Run();
  }
  if (role == "raw") return msgproc::balancer::ServeRaw();
  return msgproc::balancer::ServeBalancer(role);
}
