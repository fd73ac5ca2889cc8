#include "services/processor/run_processor.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/exit_barrier.h"
#include "common/quoted.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/admin_flags.h"
#include "services/base/admin_server.h"
#include "services/base/build_info.h"
#include "services/base/flag_parser.h"
#include "services/base/grpc_server.h"
#include "services/base/http_server.h"
#include "services/base/live/json_writer.h"
#include "services/base/live/live_feed.h"
#include "services/base/liveness.h"
#include "services/base/log.h"
#include "services/base/metrics_page.h"
#include "services/base/process_metrics.h"
#include "services/base/server_flags.h"
#include "services/base/server_lifecycle.h"
#include "services/base/shutdown_signal.h"
#include "services/base/vitals_meter.h"
#include "services/base/wrong_settings.h"
#include "services/processor/admin/admin_service.h"
#include "services/processor/flags.h"
#include "services/processor/live/processor_live.h"
#include "services/processor/processor_metrics.h"
#include "services/processor/registration/balancer_link.h"
#include "services/processor/registration/balancer_link_metrics.h"
#include "services/processor/registration/load_meter.h"
#include "services/processor/server.h"
#include "services/processor/server_dump.h"
#include "services/processor/workers/worker_flags.h"
#include "services/processor/workers/worker_list.h"
#include "services/processor/workers/worker_metrics.h"
#include "services/processor/workers/worker_role.h"

namespace msgproc::processor {
namespace {

// How long a stop may wait for a balancer to hear of it.
constexpr absl::Duration kTellBalancers = absl::Seconds(1);

// A processor with its HTTP page.
class RunningProcessor final : public base::RunningServer {
 public:
  static absl::StatusOr<std::unique_ptr<base::RunningServer>> Start(
      const base::ServerOptions& common, const HandlerRegistry& handlers) {
    absl::StatusOr<ServerOptions> options = OptionsFromFlags(common);
    if (!options.ok()) return options.status();
    const absl::StatusOr<absl::Duration> drain_delay = DrainDelayFromFlag();
    if (!drain_delay.ok()) return drain_delay.status();
    options->workers.on_failure = ExitBecauseOfWorkers;
    options->liveness = common.liveness;
    auto server = Server::Start(*std::move(options), &handlers);
    if (!server.ok()) return server.status();
    auto running = std::make_unique<RunningProcessor>(
        *std::move(server), common.liveness, *drain_delay);
    absl::Status status = running->StartHttp(common.http_address);
    if (status.ok()) status = running->StartAdmin(common);
    if (status.ok()) status = running->StartLink(common);
    if (!status.ok()) return status;
    return running;
  }

  static absl::Status Check(const base::ServerOptions& common,
                            const HandlerRegistry& handlers) {
    base::WrongSettings wrong;
    absl::StatusOr<ServerOptions> options = OptionsFromFlags(common);
    wrong.Add(options.status());
    if (options.ok()) wrong.Add(Server::Check(*options, handlers));
    wrong.Add(LinkOptionsFromFlags(common, "", "").status());
    wrong.Add(DrainDelayFromFlag().status());
    wrong.Add(base::Validate(base::AdminOptionsFromFlags(), common.credentials),
              base::AsFlag);
    return wrong.AsStatus();
  }

  RunningProcessor(std::unique_ptr<Server> server,
                   const base::Liveness* liveness, absl::Duration drain_delay)
      : server_(std::move(server)),
        liveness_(liveness),
        drain_delay_(drain_delay),
        metrics_(server_.get()),
        load_meter_(server_->context()->counters(),
                    [this] {
                      return server_->workers() == nullptr
                                 ? absl::ZeroDuration()
                                 : ReadWorkerUsage(*server_->workers()).cpu;
                    }),
        worker_metrics_(server_->workers()),
        vitals_(
            server_->grpc().files(), [this] { return WhyNotServing(); },
            [this](v1::Vitals* vitals) { live_.AddVitals(vitals); }),
        live_({.server = server_.get(),
               .vitals = &vitals_,
               .balancers =
                   [this] {
                     const BalancerLink* const link = shown_link_.load();
                     return link == nullptr
                                ? std::vector<std::pair<std::string, bool>>()
                                : link->List();
                   }}),
        admin_(
            {.context = server_->context(),
             .streams = server_->streams(),
             .address = server_->address(),
             .vitals = &vitals_,
             .workers = server_->workers(),
             .balancers = [this] { return Balancers(); },
             .cordon = [this](bool cordoned) { return Cordon(cordoned); },
             .store_generation = [this] { return server_->store_generation(); },
             .dump =
                 [this] {
                   return DumpOf(server_.get(), shown_link_.load(), leaving_);
                 }}) {}
  // No page is asked for what is gone.
  ~RunningProcessor() override {
    admin_grpc_.reset();
    http_.reset();
    feed_.reset();
  }

  std::string grpc_address() const override { return server_->address(); }
  std::string http_address() const override {
    return http_ == nullptr ? "" : http_->address();
  }
  void Drain(absl::Duration timeout) override {
    leaving_ = true;
    server_->AnnounceDrain();
    if (link_ != nullptr) link_->Drain(kTellBalancers);
    // Who has not heard of it yet still finds a server here.
    absl::SleepFor(drain_delay_);
    server_->Drain(timeout);
    if (link_ != nullptr) link_->Leave(kTellBalancers);
  }
  void Reload() override {
    if (server_->workers() != nullptr) server_->workers()->Replace();
  }

 private:
  // Nothing can be processed any more, and nothing drained.
  static void ExitBecauseOfWorkers(const absl::Status& status) {
    base::LogError("exiting", {{"why", status.message()}});
    base::FlushLog();
    ExitBarrier::Exit(1);
  }

  // Last: balancers check that the processor answers.
  absl::Status StartLink(const base::ServerOptions& common) {
    absl::StatusOr<BalancerLink::Options> options =
        LinkOptionsFromFlags(common, server_->server_id(), server_->address());
    if (!options.ok()) return options.status();
    if (options->balancers.empty() && !options->etcd.has_value()) {
      return absl::OkStatus();
    }
    options->store_generation = server_->store_generation();
    for (const auto& files : options->files) {
      server_->grpc().files()->Add(files);
    }
    link_ = std::make_unique<BalancerLink>(
        *std::move(options), [this] { return load_meter_.Read(); },
        [this](uint32_t sessions, const std::string& address) {
          const size_t moved = server_->streams()->Move(sessions, address);
          base::LogInfo(
              "sessions moved",
              {{"asked", sessions}, {"moved", moved}, {"to", address}});
        },
        [this](const v1::Order& order) { Obey(order); },
        [this] { return vitals_.Read(); });
    link_metrics_.Show(link_.get());
    shown_link_.store(link_.get());
    return absl::OkStatus();
  }

  // For operators, who may come before there is a link.
  AdminService::Balancers Balancers() const {
    const BalancerLink* const link = shown_link_.load();
    if (link == nullptr) return {};
    return {.listed = link->balancers(), .registered = link->registered()};
  }

  // Returns whether it was cordoned. The link looks at it whenever it reports.
  bool SetCordoned(bool cordoned, absl::string_view by) {
    const bool before =
        server_->context()->counters()->cordoned.exchange(cordoned);
    if (before != cordoned) {
      base::LogInfo(cordoned ? "cordoned: balancers send nobody here"
                             : "uncordoned: balancers may send clients here",
                    {{"by", by}});
    }
    return before;
  }
  bool Cordon(bool cordoned) {
    const bool before = SetCordoned(cordoned, "an operator");
    BalancerLink* const link = shown_link_.load();
    if (link != nullptr) link->ReportNow(kTellBalancers);
    return before;
  }

  // What an operator asks for through a balancer.
  void Obey(const v1::Order& order) {
    constexpr char kBy[] = "an operator, through a balancer";
    if (order.has_cordoned()) SetCordoned(order.cordoned(), kBy);
    if (!order.drain()) return;
    const size_t told = server_->streams()->Move(
        std::numeric_limits<size_t>::max(), order.drain_to());
    base::LogInfo(
        "sessions are sent away",
        {{"told", told}, {"to", Quoted(order.drain_to())}, {"by", kBy}});
  }

  absl::Status StartAdmin(const base::ServerOptions& common) {
    const base::AdminOptions options = base::AdminOptionsFromFlags();
    absl::Status wrong =
        base::Validate(options, common.credentials).AsStatus(base::AsFlag);
    if (!wrong.ok()) return wrong;
    auto started =
        base::StartAdminServer(options, "processor", server_->address(),
                               common.credentials, {&admin_});
    if (!started.ok()) return started.status();
    admin_grpc_ = *std::move(started);
    return absl::OkStatus();
  }

  absl::Status StartHttp(const std::string& address) {
    if (address.empty()) return absl::OkStatus();
    base::HttpHandlers pages =
        base::HealthPages(liveness_, [this] { return WhyNotServing(); });
    feed_ = std::make_unique<base::LiveFeed>(
        ProcessorLive::FeedOptions(), [this] { return live_.Read(); },
        [this](base::JsonWriter* json) { live_.WriteFacts(json); });
    pages.merge(feed_->Pages());
    pages["/metrics"] = [this](const base::HttpRequest&) {
      return base::MetricsPage({&metrics_, &worker_metrics_, &link_metrics_,
                                &server_->context()->methods(),
                                &process_metrics_, liveness_, &build_info_});
    };
    auto http = base::HttpServer::Start({.address = address}, std::move(pages));
    if (!http.ok()) {
      return absl::Status(
          http.status().code(),
          "--http_address: " + std::string(http.status().message()));
    }
    http_ = *std::move(http);
    return absl::OkStatus();
  }

  std::string WhyNotServing() const {
    return leaving_ ? "draining" : server_->WhyNotServing();
  }

  const std::unique_ptr<Server> server_;
  const base::Liveness* const liveness_;
  const absl::Duration drain_delay_;
  std::atomic<bool> leaving_{false};
  const ProcessorMetrics metrics_;
  LoadMeter load_meter_;
  const WorkerMetrics worker_metrics_;
  BalancerLinkMetrics link_metrics_;
  const base::ProcessMetrics process_metrics_;
  const base::BuildInfoMetric build_info_;
  std::unique_ptr<base::HttpServer> http_;
  base::VitalsMeter vitals_;
  ProcessorLive live_;
  // Null: nobody looks.
  std::unique_ptr<base::LiveFeed> feed_;
  std::unique_ptr<BalancerLink> link_;
  // link_, once it is made: operators come on threads of their own.
  std::atomic<BalancerLink*> shown_link_{nullptr};
  AdminService admin_;
  // Null: operators have no way in.
  std::unique_ptr<base::GrpcServer> admin_grpc_;
};

int Run(int argc, char** argv, ProcessorProgram own,
        const std::function<const HandlerRegistry&()>& get_handlers) {
  base::ShutdownSignal::Block();
  base::SetDefaultAddresses("127.0.0.1:50051", "127.0.0.1:8051");
  if (own.name.empty() && argc > 0) {
    const std::string path = argv[0];
    own.name = path.substr(path.rfind('/') + 1);
  }
  if (own.usage.empty()) own.usage = own.name + " [flags]";
  const base::ProgramInfo program = {
      .name = own.name,
      .summary =
          "Processes messages behind permanent gRPC sockets: one result "
          "for each message, in order, also across broken connections.",
      .usage = own.usage};
  base::ParseFlagsOrExit(argc, argv, program);
  const HandlerRegistry& handlers = get_handlers();
  if (IsWorkerRole()) return RunWorkerRole(handlers);
  return base::RunServer(
      program,
      [&](const base::ServerOptions& common) {
        return RunningProcessor::Start(common, handlers);
      },
      [&](const base::ServerOptions& common) {
        return RunningProcessor::Check(common, handlers);
      });
}

}  // namespace

int RunProcessor(int argc, char** argv, const HandlerRegistry& handlers,
                 ProcessorProgram program) {
  return Run(argc, argv, std::move(program),
             [&]() -> const HandlerRegistry& { return handlers; });
}

int RunProcessor(int argc, char** argv,
                 const std::function<void(HandlerRegistry*)>& add_handlers,
                 ProcessorProgram program) {
  HandlerRegistry handlers;
  return Run(argc, argv, std::move(program), [&]() -> const HandlerRegistry& {
    add_handlers(&handlers);
    return handlers;
  });
}

}  // namespace msgproc::processor
