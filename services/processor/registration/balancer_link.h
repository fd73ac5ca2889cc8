#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/locality.h"
#include "common/state_dump.h"
#include "grpcpp/security/credentials.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/reloaded_files.h"
#include "services/base/setting_name.h"
#include "services/processor/registration/etcd_connection.h"
#include "services/processor/registration/registrar.h"

namespace msgproc::processor {

// A processor's link to every balancer of a list, and to the fleet's registry
// if there is one: says that it is there, how much it has to do, and that it
// leaves; passes on what the first one of the list wants moved. Where there is
// a registry, balancers agree there on who of them moves, and it is heard
// whichever it is. Balancers may come and go; sockets do not notice.
//
// To be started once the processor serves, for balancers check that. When it
// stops: Drain, then finish what is open, then Leave. Thread-safe.
class BalancerLink {
 public:
  // How much there is to do now.
  struct Load {
    uint64_t sessions = 0;  // Permanent sockets open.
    double messages_per_second = 0;
    double utilization = 0;  // Share of the machine's cores in use, 0 to 1.
    // An operator wants nobody to be sent here.
    bool cordoned = false;
  };

  struct Options {
    std::vector<std::string> balancers;  // host:port each.
    std::string server_id;
    std::string address;  // Where clients reach the processor: host:port.
    double weight = 1;
    // Where the processor runs. Empty: not said.
    Locality locality;
    // Of the store that sessions are kept in; empty: in memory.
    std::string store_generation;
    // For a balancer that asks for a token, and towards balancers: both are
    // asked before each attempt. Empty: no token; plaintext.
    std::function<std::string()> token;
    std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
    // Absent: no registry. Its `server_id` is set here.
    std::optional<EtcdConnection::Options> etcd;
    // Where the secrets come from, for whoever watches files.
    std::vector<std::shared_ptr<base::ReloadedFiles>> files;
    absl::Duration initial_backoff = absl::Milliseconds(100);
    absl::Duration max_backoff = absl::Seconds(1);
    absl::Duration replaced_backoff = absl::Minutes(5);
    // What the log calls these settings and the processor's others.
    base::SettingName setting_name = base::AsOption;
  };

  // Called a few times a second from threads of the link; must be quick.
  using ReadLoad = std::function<Load()>;
  // "Send this many sessions there", at most a few times a second. Likewise.
  using OnMove =
      std::function<void(uint32_t sessions, const std::string& to_address)>;
  // An operator's order, from whichever balancer. Likewise.
  using OnOrder = std::function<void(const v1::Order&)>;
  // What operators are told of this process. Likewise.
  using ReadVitals = std::function<v1::Vitals()>;

  // Without `on_order` balancers are told that no order is taken; without
  // `read_vitals`, nothing of the process.
  BalancerLink(Options options, ReadLoad read_load, OnMove on_move,
               OnOrder on_order = nullptr, ReadVitals read_vitals = nullptr);
  // Breaks what has not left. Nothing is called any more when it returns.
  ~BalancerLink() = default;

  // Tells every balancer that no new sockets are wanted; returns once those
  // that it is registered with have heard it, after `timeout` at most. From
  // here on nothing is moved either.
  void Drain(absl::Duration timeout);

  // Reports to every balancer at once, and returns once those that it is
  // registered with have heard it, after `timeout` at most.
  void ReportNow(absl::Duration timeout);

  // Says goodbye to every balancer; returns once they have heard it, after
  // `timeout` at most.
  void Leave(absl::Duration timeout);

  // Balancers that it is registered with now; the registry counts as one.
  size_t registered() const;
  size_t balancers() const { return connections_.size(); }
  // Of each, host:port and whether it is registered there.
  std::vector<std::pair<std::string, bool>> List() const;

  // For operators who debug: adds what each connection holds. May wait, for a
  // second at most.
  void AddDumps(absl::Time now, std::vector<StateDump>* dumps) const;

  // Null: there is no registry.
  const EtcdConnection* etcd() const { return etcd_; }

 private:
  v1::RegisterRequest MakeReport() const;
  void Obey(const v1::Move& move) const;
  void Obey(const v1::Order& order) const;
  void ConnectTo(const std::string& balancer);

  const Options options_;
  const ReadLoad read_load_;
  const OnMove on_move_;
  const OnOrder on_order_;
  const ReadVitals read_vitals_;
  std::atomic<bool> draining_{false};
  // One of connections_, or null.
  const EtcdConnection* etcd_ = nullptr;
  std::vector<std::unique_ptr<Registrar>> connections_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_H_
