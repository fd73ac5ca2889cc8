#ifndef MSGPROC_TOOLS_CLUSTER_CLUSTER_H_
#define MSGPROC_TOOLS_CLUSTER_CLUSTER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/wrong_settings.h"
#include "tools/cluster/binaries.h"
#include "tools/cluster/member.h"
#include "tools/cluster/process_usage.h"

namespace msgproc::cluster {

// The four shapes of the system (README).
enum class Model {
  kOneProcess = 1,
  kWorkers = 2,
  kBalancer = 3,
  kNginx = 4,
};

struct Options {
  Model model = Model::kOneProcess;
  int processors = 3;  // Models III and IV; the others have one.
  int workers = 0;     // In each processor; Model II wants at least one.
  std::string handler;
  std::vector<std::string> processor_flags;  // As "--session_ttl=5s".
  // Model IV by the TCP listener and PROXY headers instead of grpc_pass.
  bool pass_through = false;
  std::string folder;  // For logs and NGINX's files; there already.
  Binaries binaries;
};

// Bounds of the options.
base::WrongSettings Validate(const Options& options);

// A running system on loopback: real processes on free ports, which end with
// it. What ends is not restarted, unless it is asked for. Members have names:
// "processor-1", and "balancer" or "nginx".
//
// Not thread-safe. The thread that calls Start and Restart must outlive it: the
// processes are told to stop when that thread ends.
class Cluster {
 public:
  // Serves when it returns: every processor, and what is in front of them.
  // The error has the last words of what did not start.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(Options options);

  // Kills what is left.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Where clients go: the processor or NGINX (empty for Model III).
  const std::string& target() const { return target_; }
  // Whom clients ask, for Model III; otherwise empty.
  const std::string& balancer() const { return balancer_address_; }
  // "--target=…" or "--balancer=…".
  std::string LoadgenFlag() const;

  int processor_count() const { return static_cast<int>(nodes_.size()); }
  const std::string& address(int processor) const;
  const std::string& http_address(int processor) const;
  // 0: it does not run.
  pid_t pid(int processor) const;
  // What is reachable where, a line each, for people.
  std::string Describe() const;

  // SIGKILL, and gone when it returns.
  void Kill(int processor);
  // SIGTERM: drains. UNAVAILABLE when it did not end in `timeout`; INTERNAL
  // when its exit code is not 0.
  absl::Status Terminate(int processor, absl::Duration timeout);
  // A new process on the address of one that ended; serves when it returns.
  absl::Status Restart(int processor);

  // SIGTERM to all, front first; then what is left is killed. The first of what
  // went wrong.
  absl::Status Stop(absl::Duration timeout);

  // A member by its name, on the address that it had; one that runs is drained
  // first. NOT_FOUND, naming those there are.
  absl::Status RestartMember(absl::string_view name, absl::Duration timeout);
  // SIGTERM or SIGKILL to it. NOT_FOUND likewise.
  absl::Status SignalMember(absl::string_view name, int signal);

  // "processor-1 ended with exit code 1" for what crashed; empty: all is well.
  std::string EndedByItself();
  // The names of those that ended as somebody asked them to, by SIGTERM, since
  // the last call. The others stay up.
  std::vector<std::string> EndedAsAsked();

  // Since Start; those that ended too, but for their memory.
  ProcessUsage ProcessorsUsage() const;
  // NGINX's or the balancer's; zero without one.
  ProcessUsage FrontUsage() const;

 private:
  struct Node {
    std::unique_ptr<Member> member;
    std::string address;
    std::string http_address;
  };

  explicit Cluster(Options options);

  absl::Status StartAll();
  absl::Status StartBalancer();
  absl::Status StartProcessor(Node* node);
  absl::Status StartNginx();
  absl::Status RenderNginx() const;
  absl::Status RunNginx();
  absl::Status WaitForFleet();
  std::vector<std::string> ProcessorCommand(const Node& node) const;
  // The front first.
  std::vector<Member*> Members() const;
  // NOT_FOUND, naming the members there are.
  absl::StatusOr<Member*> FindMember(absl::string_view name);
  // From 0.
  Node* NodeAt(int processor);
  const Node& NodeAt(int processor) const;
  std::string File(absl::string_view name) const;

  const Options options_;
  std::string target_;
  std::string balancer_address_;
  std::string balancer_http_;
  std::unique_ptr<Member> front_;  // NGINX or the balancer.
  std::vector<Node> nodes_;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_CLUSTER_H_
