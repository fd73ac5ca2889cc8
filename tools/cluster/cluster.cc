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
#include "common/check.h"
#include "tools/cluster/ports.h"

namespace msgproc::cluster {
namespace {

constexpr absl::Duration kRenderPatience = absl::Seconds(30);
constexpr const char* kNginx = "/usr/sbin/nginx";

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

base::WrongSettings Validate(const Options& options) {
  base::WrongSettings wrong;
  const int model = static_cast<int>(options.model);
  if (model < 1 || model > 4) {
    wrong.Add(absl::StrCat("{model}=", model, ": there are 1, 2, 3 and 4."));
  }
  if (options.processors < 1 || options.processors > 100) {
    wrong.Add(absl::StrCat("{processors}=", options.processors,
                           ": it takes 1 to 100."));
  }
  if (options.workers < 0 || options.workers > 100) {
    wrong.Add(
        absl::StrCat("{workers}=", options.workers, ": it takes 0 to 100."));
  }
  if (options.model == Model::kWorkers && options.workers == 0) {
    wrong.Add("{workers}=0: Model II has at least one; without is {model}=1.");
  }
  if (options.pass_through && options.model != Model::kNginx) {
    wrong.Add("{pass_through} goes with {model}=4.");
  }
  return wrong;
}

Cluster::Cluster(Options options) : options_(std::move(options)) {
  const auto add = [this](std::string name, std::string title) {
    std::string log = File(absl::StrCat(name, ".log"));
    return std::make_unique<Member>(std::move(name), std::move(title),
                                    std::move(log));
  };
  const bool balancer = options_.model == Model::kBalancer;
  const bool nginx = options_.model == Model::kNginx;
  if (balancer) front_ = add("balancer", "The balancer");
  if (nginx) front_ = add("nginx", "NGINX");
  const int processors = balancer || nginx ? options_.processors : 1;
  for (int i = 1; i <= processors; ++i) {
    const std::string name = absl::StrCat("processor-", i);
    nodes_.push_back({.member = add(name, name)});
  }
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(Options options) {
  if (absl::Status status = Validate(options).AsStatus(); !status.ok()) {
    return status;
  }
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  if (absl::Status status = cluster->StartAll(); !status.ok()) return status;
  return cluster;
}

Cluster::~Cluster() {
  // A killed NGINX would leave its workers; they share its group, and go too.
  if (front_ != nullptr) front_->Kill();
  for (Node& node : nodes_) node.member->Kill();
}

absl::Status Cluster::StartAll() {
  absl::Status status;
  if (options_.model == Model::kBalancer) status = StartBalancer();
  for (int i = 0; status.ok() && i < processor_count(); ++i) {
    const absl::StatusOr<std::string> address = FreeAddress();
    if (!address.ok()) return address.status();
    NodeAt(i)->address = *address;
    status = StartProcessor(NodeAt(i));
  }
  if (!status.ok()) return status;
  if (options_.model == Model::kNginx) return StartNginx();
  if (options_.model == Model::kBalancer) return WaitForFleet();
  target_ = nodes_[0].address;
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
  return front_->Start(
      {options_.binaries.Find("services/balancer/balancer"),
       absl::StrCat("--listen_address=", balancer_address_),
       absl::StrCat("--http_address=", balancer_http_),
       absl::StrCat("--address_file=", file)},
      [&file] { return ReadAddresses(file).contains("http"); });
}

std::vector<std::string> Cluster::ProcessorCommand(const Node& node) const {
  const std::string& name = node.member->name();
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

absl::Status Cluster::StartProcessor(Node* node) {
  MSGPROC_CHECK(!node->address.empty());
  const std::string file = File(absl::StrCat(node->member->name(), ".address"));
  std::filesystem::remove(file);
  return node->member->Start(ProcessorCommand(*node), [&] {
    std::map<std::string, std::string> addresses = ReadAddresses(file);
    node->http_address = addresses["http"];
    return !addresses["grpc"].empty() && !node->http_address.empty();
  });
}

absl::Status Cluster::WaitForFleet() {
  return front_->WaitUntil("The balancer with all processors", [this] {
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
  auto render = Child::Start(command, File("render.log"));
  if (!render.ok()) return render.status();
  const std::optional<int> exit_code = (*render)->Wait(kRenderPatience);
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
  return front_->Start({kNginx, "-e", "stderr", "-c", File("nginx/nginx.conf"),
                        "-g", "daemon off;"},
                       [this] { return SpeaksHttp2(target_); });
}

std::string Cluster::LoadgenFlag() const {
  if (!balancer_address_.empty()) {
    return absl::StrCat("--balancer=", balancer_address_);
  }
  return absl::StrCat("--target=", target_);
}

Cluster::Node* Cluster::NodeAt(int processor) {
  MSGPROC_CHECK_GE(processor, 0);
  MSGPROC_CHECK_LT(processor, processor_count());
  return &nodes_[static_cast<size_t>(processor)];
}

const Cluster::Node& Cluster::NodeAt(int processor) const {
  MSGPROC_CHECK_GE(processor, 0);
  MSGPROC_CHECK_LT(processor, processor_count());
  return nodes_[static_cast<size_t>(processor)];
}

const std::string& Cluster::address(int processor) const {
  return NodeAt(processor).address;
}

const std::string& Cluster::http_address(int processor) const {
  return NodeAt(processor).http_address;
}

pid_t Cluster::pid(int processor) const {
  return NodeAt(processor).member->pid();
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
  if (front_ != nullptr) {
    const bool balancer = options_.model == Model::kBalancer;
    line(front_->name(), balancer ? balancer_address_ : target_, balancer_http_,
         front_->pid());
  }
  for (const Node& node : nodes_) {
    line(node.member->name(), node.address, node.http_address,
         node.member->pid());
  }
  return text;
}

void Cluster::Kill(int processor) { NodeAt(processor)->member->Kill(); }

absl::Status Cluster::Terminate(int processor, absl::Duration timeout) {
  return NodeAt(processor)->member->Terminate(timeout);
}

absl::Status Cluster::Restart(int processor) {
  Kill(processor);
  return StartProcessor(NodeAt(processor));
}

absl::Status Cluster::Stop(absl::Duration timeout) {
  // Whatever the front says: it has no sessions to lose.
  if (front_ != nullptr) front_->Terminate(timeout).IgnoreError();
  // All at once; a second SIGTERM would cut a drain short.
  for (Node& node : nodes_) node.member->Signal(SIGTERM);
  absl::Status first;
  for (Node& node : nodes_) first.Update(node.member->AwaitEnd(timeout));
  return first;
}

std::vector<Member*> Cluster::Members() const {
  std::vector<Member*> members;
  if (front_ != nullptr) members.push_back(front_.get());
  for (const Node& node : nodes_) members.push_back(node.member.get());
  return members;
}

absl::StatusOr<Member*> Cluster::FindMember(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (Member* member : Members()) {
    if (member->name() == name) return member;
    names.emplace_back(member->name());
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no \"", name, "\"; there are ", absl::StrJoin(names, ", ")));
}

absl::Status Cluster::SignalMember(absl::string_view name, int signal) {
  const absl::StatusOr<Member*> member = FindMember(name);
  if (!member.ok()) return member.status();
  if ((*member)->pid() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(name, " does not run"));
  }
  (*member)->Signal(signal);
  return absl::OkStatus();
}

absl::Status Cluster::RestartMember(absl::string_view name,
                                    absl::Duration timeout) {
  const absl::StatusOr<Member*> member = FindMember(name);
  if (!member.ok()) return member.status();
  const bool ran = (*member)->pid() != 0;
  const absl::Status drained = (*member)->Terminate(timeout);
  for (Node& node : nodes_) {
    if (node.member.get() != *member) continue;
    if (ran && !drained.ok()) return drained;
    return StartProcessor(&node);
  }
  MSGPROC_CHECK(*member == front_.get());
  return options_.model == Model::kBalancer ? StartBalancer() : RunNginx();
}

std::vector<std::string> Cluster::EndedAsAsked() {
  std::vector<std::string> names;
  for (Member* member : Members()) {
    if (member->TakeEndedAsAsked()) names.push_back(member->name());
  }
  return names;
}

std::string Cluster::EndedByItself() {
  for (Member* member : Members()) {
    std::string says = member->EndedByItself();
    if (!says.empty()) return says;
  }
  return "";
}

ProcessUsage Cluster::ProcessorsUsage() const {
  ProcessUsage usage;
  for (const Node& node : nodes_) usage += node.member->Usage();
  return usage;
}

ProcessUsage Cluster::FrontUsage() const {
  return front_ == nullptr ? ProcessUsage() : front_->Usage();
}

std::string Cluster::File(absl::string_view name) const {
  return absl::StrCat(options_.folder, "/", name);
}

}  // namespace msgproc::cluster
