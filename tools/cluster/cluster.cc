#include "tools/cluster/cluster.h"

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "tools/cluster/ports.h"

namespace msgproc::cluster {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr const char* kNginx = "/usr/sbin/nginx";

std::string NameOf(int processor) {
  return absl::StrCat("processor-", processor + 1);
}

// What a server wrote to its --address_file; empty until it serves.
std::map<std::string, std::string> ReadAddresses(const std::string& path) {
  std::map<std::string, std::string> addresses;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    addresses.insert(absl::StrSplit(line, absl::MaxSplits('=', 1)));
  }
  return addresses;
}

// The sum of a metric's samples that have `label`.
double Metric(absl::string_view page, absl::string_view name,
              absl::string_view label) {
  double sum = 0;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    double value = 0;
    if (absl::StartsWith(line, name) && absl::StrContains(line, label) &&
        absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) {
      sum += value;
    }
  }
  return sum;
}

}  // namespace

absl::Status CheckOptions(const Options& options) {
  const int model = static_cast<int>(options.model);
  if (model < 1 || model > 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("--model=", model, ": there are 1, 2, 3 and 4."));
  }
  if (options.processors < 1 || options.processors > 100) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--processors=", options.processors, ": it takes 1 to 100."));
  }
  if (options.workers < 0 || options.workers > 100) {
    return absl::InvalidArgumentError(
        absl::StrCat("--workers=", options.workers, ": it takes 0 to 100."));
  }
  if (options.model == Model::kWorkers && options.workers == 0) {
    return absl::InvalidArgumentError(
        "--workers=0: Model II has at least one; without is --model=1.");
  }
  if (options.pass_through && options.model != Model::kNginx) {
    return absl::InvalidArgumentError("--pass_through goes with --model=4.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(Options options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  if (absl::Status status = cluster->StartAll(); !status.ok()) return status;
  return cluster;
}

Cluster::~Cluster() {
  // A killed NGINX would leave its workers; they share its group, and go too.
  if (front_ != nullptr) front_->Kill();
  for (Node& node : nodes_) Reap(&node);
}

absl::Status Cluster::StartAll() {
  absl::Status status;
  if (options_.model == Model::kBalancer) status = StartBalancer();
  const bool fleet =
      options_.model == Model::kBalancer || options_.model == Model::kNginx;
  nodes_.resize(fleet ? static_cast<size_t>(options_.processors) : 1);
  for (int i = 0; status.ok() && i < processor_count(); ++i) {
    const absl::StatusOr<std::string> address = FreeAddress();
    if (!address.ok()) return address.status();
    nodes_[static_cast<size_t>(i)].address = *address;
    status = StartProcessor(i);
  }
  if (!status.ok()) return status;
  if (options_.model == Model::kNginx) return StartNginx();
  if (options_.model == Model::kBalancer) return WaitForFleet();
  target_ = nodes_[0].address;
  return absl::OkStatus();
}

absl::Status Cluster::WaitUntil(Child* child, absl::string_view name,
                                const std::function<bool()>& ready) {
  const absl::Time deadline = Clock::Monotonic()->Now() + kPatience;
  while (!ready()) {
    if (!child->Running()) {
      return absl::InternalError(
          absl::StrCat(name, " ended with exit code ",
                       child->Wait(absl::ZeroDuration()).value_or(-1),
                       " before it served. It wrote:\n", child->LastWords()));
    }
    if (Clock::Monotonic()->Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          name, " does not serve after ", absl::FormatDuration(kPatience),
          ". It wrote:\n", child->LastWords()));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

absl::Status Cluster::StartBalancer() {
  const std::string file = File("balancer.address");
  std::filesystem::remove(file);
  for (std::string* address : {&balancer_address_, &balancer_http_}) {
    if (!address->empty()) continue;  // It comes back to where it was.
    absl::StatusOr<std::string> free = FreeAddress();
    if (!free.ok()) return free.status();
    *address = *std::move(free);
  }
  auto child =
      Child::Start({options_.binaries.Find("services/balancer/balancer"),
                    absl::StrCat("--listen_address=", balancer_address_),
                    absl::StrCat("--http_address=", balancer_http_),
                    absl::StrCat("--address_file=", file)},
                   File("balancer.log"), Child::LogMode::kAppend);
  if (!child.ok()) return child.status();
  front_ = *std::move(child);
  return WaitUntil(front_.get(), "The balancer",
                   [&file] { return ReadAddresses(file).contains("http"); });
}

std::vector<std::string> Cluster::ProcessorCommand(
    const Node& node, const std::string& name) const {
  std::vector<std::string> command = {
      options_.binaries.Find("services/processor/processor"),
      absl::StrCat("--listen_address=", node.address),
      "--http_address=127.0.0.1:0",
      absl::StrCat("--address_file=", File(absl::StrCat(name, ".address"))),
      absl::StrCat("--server_id=", name)};
  if (options_.workers > 0) {
    command.push_back(absl::StrCat("--workers=", options_.workers));
  }
  if (!options_.handler.empty()) {
    command.push_back(absl::StrCat("--handler=", options_.handler));
  }
  if (!balancer_address_.empty()) {
    command.push_back(absl::StrCat("--balancer=", balancer_address_));
  }
  if (options_.pass_through) command.emplace_back("--proxy_protocol");
  command.insert(command.end(), options_.processor_flags.begin(),
                 options_.processor_flags.end());
  return command;
}

absl::Status Cluster::StartProcessor(int processor) {
  Node& node = nodes_[static_cast<size_t>(processor)];
  const std::string name = NameOf(processor);
  const std::string file = File(absl::StrCat(name, ".address"));
  std::filesystem::remove(file);
  auto child =
      Child::Start(ProcessorCommand(node, name),
                   File(absl::StrCat(name, ".log")), Child::LogMode::kAppend);
  if (!child.ok()) return child.status();
  node.child = *std::move(child);
  return WaitUntil(node.child.get(), name, [&] {
    std::map<std::string, std::string> addresses = ReadAddresses(file);
    node.http_address = addresses["http"];
    return !addresses["grpc"].empty() && !node.http_address.empty();
  });
}

absl::Status Cluster::WaitForFleet() {
  return WaitUntil(front_.get(), "The balancer with all processors", [this] {
    const auto page = HttpGet(balancer_http_, "/metrics");
    return page.ok() && Metric(*page, "msgproc_balancer_servers{", "serving") >=
                            processor_count();
  });
}

absl::Status Cluster::RenderNginx() const {
  std::vector<std::string> addresses;
  addresses.reserve(nodes_.size());
  for (const Node& node : nodes_) addresses.push_back(node.address);
  const absl::StatusOr<std::string> unused = FreeAddress();
  if (!unused.ok()) return unused.status();
  std::vector<std::string> command = {
      options_.binaries.Find("deploy/nginx/render"),
      absl::StrCat("--folder=", File("nginx")),
      absl::StrCat("--grpc=", options_.pass_through ? *unused : target_),
      absl::StrCat("--stream=", options_.pass_through ? target_ : *unused),
      absl::StrCat(
          options_.pass_through ? "--proxied_processors=" : "--processors=",
          absl::StrJoin(addresses, ","))};
  // Its own files must stay readable to its workers.
  if (geteuid() == 0) command.emplace_back("--user=root");
  auto render = Child::Start(std::move(command), File("render.log"));
  if (!render.ok()) return render.status();
  const std::optional<int> exit_code = (*render)->Wait(kPatience);
  if (exit_code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("deploy/nginx/render failed:\n", (*render)->LastWords()));
}

absl::Status Cluster::StartNginx() {
  if (access(kNginx, X_OK) != 0) {
    return absl::NotFoundError(absl::StrCat(
        "Model IV needs ", kNginx,
        ", which is not there: tools/install_packages --test installs it."));
  }
  const absl::StatusOr<std::string> address = FreeAddress();
  if (!address.ok()) return address.status();
  target_ = *address;
  if (absl::Status status = RenderNginx(); !status.ok()) return status;
  return RunNginx();
}

absl::Status Cluster::RunNginx() {
  auto child = Child::Start({kNginx, "-e", "stderr", "-c",
                             File("nginx/nginx.conf"), "-g", "daemon off;"},
                            File("nginx.log"), Child::LogMode::kAppend);
  if (!child.ok()) return child.status();
  front_ = *std::move(child);
  return WaitUntil(front_.get(), "NGINX",
                   [this] { return SpeaksHttp2(target_); });
}

std::string Cluster::LoadgenFlag() const {
  if (!balancer_address_.empty()) {
    return absl::StrCat("--balancer=", balancer_address_);
  }
  return absl::StrCat("--target=", target_);
}

const std::string& Cluster::address(int processor) const {
  return nodes_[static_cast<size_t>(processor)].address;
}

const std::string& Cluster::http_address(int processor) const {
  return nodes_[static_cast<size_t>(processor)].http_address;
}

pid_t Cluster::pid(int processor) const {
  const auto& child = nodes_[static_cast<size_t>(processor)].child;
  return child != nullptr && child->Running() ? child->pid() : 0;
}

std::string Cluster::Describe() const {
  std::string text;
  const auto line = [&text](absl::string_view what, absl::string_view address,
                            absl::string_view http, pid_t pid) {
    absl::StrAppend(&text, "  ", what, std::string(14 - what.size(), ' '),
                    address);
    if (!http.empty()) absl::StrAppend(&text, "  http://", http, "/metrics");
    if (pid == 0) {
      absl::StrAppend(&text, "  ended\n");
    } else {
      absl::StrAppend(&text, "  pid ", pid, "\n");
    }
  };
  if (!balancer_address_.empty()) {
    line("balancer", balancer_address_, balancer_http_,
         front_->Running() ? front_->pid() : 0);
  } else if (front_ != nullptr) {
    line("nginx", target_, "", front_->Running() ? front_->pid() : 0);
  }
  for (int i = 0; i < processor_count(); ++i) {
    line(NameOf(i), address(i), http_address(i), pid(i));
  }
  return text;
}

void Cluster::Reap(Node* node) {
  if (node->child == nullptr) return;
  node->child->Kill();
  node->cpu_of_ended += node->child->cpu_at_end();
  node->child.reset();
}

void Cluster::Kill(int processor) {
  Reap(&nodes_[static_cast<size_t>(processor)]);
}

absl::Status Cluster::Terminate(int processor, absl::Duration timeout) {
  Node& node = nodes_[static_cast<size_t>(processor)];
  if (node.child != nullptr) node.child->Signal(SIGTERM);
  return AwaitDrained(processor, timeout);
}

absl::Status Cluster::AwaitDrained(int processor, absl::Duration timeout) {
  Node& node = nodes_[static_cast<size_t>(processor)];
  if (node.child == nullptr) return absl::OkStatus();
  const std::optional<int> exit_code = node.child->Wait(timeout);
  const std::string words = node.child->LastWords();
  Reap(&node);
  if (!exit_code) {
    return absl::UnavailableError(
        absl::StrCat(NameOf(processor), " did not drain in ",
                     absl::FormatDuration(timeout), ". It wrote:\n", words));
  }
  if (*exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(NameOf(processor),
                                          " ended with exit code ", *exit_code,
                                          ". It wrote:\n", words));
}

absl::Status Cluster::Restart(int processor) {
  Kill(processor);
  return StartProcessor(processor);
}

absl::Status Cluster::Stop(absl::Duration timeout) {
  if (front_ != nullptr) {
    front_->Signal(SIGTERM);
    front_->Wait(timeout);
    front_->Kill();
    front_cpu_of_ended_ += front_->cpu_at_end();
    front_.reset();
  }
  for (Node& node : nodes_) {
    if (node.child != nullptr) node.child->Signal(SIGTERM);
  }
  absl::Status first;
  for (int i = 0; i < processor_count(); ++i) {
    first.Update(AwaitDrained(i, timeout));
  }
  return first;
}

std::string Cluster::FrontName() const {
  return options_.model == Model::kBalancer ? "balancer" : "nginx";
}

absl::StatusOr<Child*> Cluster::FindMember(absl::string_view name) {
  const bool has_front =
      options_.model == Model::kBalancer || options_.model == Model::kNginx;
  if (has_front && name == FrontName()) return front_.get();
  std::string names = has_front ? FrontName() + ", " : "";
  for (int i = 0; i < processor_count(); ++i) {
    if (name == NameOf(i)) return nodes_[static_cast<size_t>(i)].child.get();
    absl::StrAppend(&names, i == 0 ? "" : ", ", NameOf(i));
  }
  return absl::NotFoundError(
      absl::StrCat("there is no \"", name, "\"; there are ", names));
}

absl::Status Cluster::SignalMember(absl::string_view name, int signal) {
  const absl::StatusOr<Child*> child = FindMember(name);
  if (!child.ok()) return child.status();
  if (*child == nullptr || !(*child)->Running()) {
    return absl::FailedPreconditionError(absl::StrCat(name, " does not run"));
  }
  (*child)->Signal(signal);
  return absl::OkStatus();
}

absl::Status Cluster::RestartFront(absl::Duration timeout) {
  if (front_ != nullptr) {
    front_->Signal(SIGTERM);
    front_->Wait(timeout);
    front_->Kill();
    front_cpu_of_ended_ += front_->cpu_at_end();
    front_.reset();
  }
  front_told_ = false;
  return options_.model == Model::kBalancer ? StartBalancer() : RunNginx();
}

absl::Status Cluster::RestartMember(absl::string_view name,
                                    absl::Duration timeout) {
  const absl::StatusOr<Child*> child = FindMember(name);
  if (!child.ok()) return child.status();
  for (int i = 0; i < processor_count(); ++i) {
    if (name != NameOf(i)) continue;
    if (pid(i) != 0) {
      absl::Status status = Terminate(i, timeout);
      if (!status.ok()) return status;
    }
    return Restart(i);
  }
  return RestartFront(timeout);
}

namespace {

// A server drains and exits with 0; what has no time to, dies of the signal.
bool AsAsked(Child* child) {
  const int exit_code = child->Wait(absl::ZeroDuration()).value_or(-1);
  return exit_code == 0 || exit_code == 128 + SIGTERM;
}

}  // namespace

std::vector<std::string> Cluster::EndedAsAsked() {
  std::vector<std::string> names;
  if (front_ != nullptr && !front_told_ && !front_->Running() &&
      AsAsked(front_.get())) {
    front_told_ = true;
    names.push_back(FrontName());
  }
  for (int i = 0; i < processor_count(); ++i) {
    Node& node = nodes_[static_cast<size_t>(i)];
    if (node.child == nullptr || node.child->Running() ||
        !AsAsked(node.child.get())) {
      continue;
    }
    Reap(&node);
    names.push_back(NameOf(i));
  }
  return names;
}

std::string Cluster::EndedByItself() {
  const auto says = [](const std::string& name, Child* child) {
    return absl::StrCat(name, " ended with exit code ",
                        child->Wait(absl::ZeroDuration()).value_or(-1),
                        ". It wrote:\n", child->LastWords());
  };
  if (front_ != nullptr && !front_->Running() && !AsAsked(front_.get())) {
    return says(balancer_address_.empty() ? "NGINX" : "The balancer",
                front_.get());
  }
  for (int i = 0; i < processor_count(); ++i) {
    Child* child = nodes_[static_cast<size_t>(i)].child.get();
    if (child != nullptr && !child->Running() && !AsAsked(child)) {
      return says(NameOf(i), child);
    }
  }
  return "";
}

ProcessUsage Cluster::ProcessorsUsage() const {
  ProcessUsage usage;
  for (const Node& node : nodes_) {
    usage.cpu += node.cpu_of_ended;
    if (node.child != nullptr) usage += UsageOfTree(node.child->pid());
  }
  return usage;
}

ProcessUsage Cluster::FrontUsage() const {
  ProcessUsage usage;
  usage.cpu = front_cpu_of_ended_;
  if (front_ != nullptr) usage += UsageOfTree(front_->pid());
  return usage;
}

std::string Cluster::File(absl::string_view name) const {
  return absl::StrCat(options_.folder, "/", name);
}

}  // namespace msgproc::cluster
