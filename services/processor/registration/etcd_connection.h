#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ETCD_CONNECTION_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ETCD_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "etcd/rpc.pb.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/setting_name.h"
#include "services/etcd/client.h"
#include "services/etcd/leased_key.h"
#include "services/etcd/loop.h"
#include "services/etcd/registry_url.h"
#include "services/etcd/watch_call.h"
#include "services/processor/registration/order_watch.h"
#include "services/processor/registration/record_writer.h"
#include "services/processor/registration/registrar.h"

namespace msgproc::processor {

// A processor's registration in etcd: its record, under a lease that is kept
// alive for as long as it runs, and what balancers order it to do meanwhile.
// The record is written when it says something new, three times a lease at
// most, and sooner as RecordWriter says.
class EtcdConnection final : public Registrar {
 public:
  struct Options {
    etcd::RegistryUrl url;
    etcd::Client::Options client;
    std::string server_id;
    // How long etcd keeps the record of a processor that is gone: whole
    // seconds. etcd may make it longer.
    absl::Duration lease = absl::Seconds(6);
    // What the log calls the processor's settings.
    base::SettingName setting_name = base::AsOption;
  };
  struct Stats {
    bool registered = false;
    uint64_t leases_lost = 0;
    uint64_t failures = 0;
    uint64_t writes = 0;
  };
  // As BalancerConnection's, on the connection's thread.
  using MakeReport = std::function<v1::RegisterRequest()>;
  using OnMove = std::function<void(const v1::Move&)>;
  using OnOrder = std::function<void(const v1::Order&)>;

  EtcdConnection(const Options& options, MakeReport make_report, OnMove on_move,
                 OnOrder on_order);
  ~EtcdConnection() override;

  void ReportNow() override;
  void AwaitReport(absl::Time deadline) override;
  void SayGoodbye() override;
  void AwaitEnd(absl::Time deadline) override;
  const std::string& balancer() const override { return options_.url.prefix; }
  bool registered() const override { return stats().registered; }
  void AddDumps(absl::Time now, std::vector<StateDump>* dumps) override;
  Stats stats() const;

 private:
  absl::Time Step();
  // Writes the record under `lease`, unless it is another's.
  void Claim(int64_t lease, const etcd::LeasedKey::Claimed& claimed);
  void OnClaimAnswered(int64_t lease, const etcdserverpb::TxnResponse& answer,
                       const etcd::LeasedKey::Claimed& claimed);
  void Obey(const v1::RegisterResponse& answer);
  void Publish();
  void Say(bool registered);

  const Options options_;
  const std::string key_;
  const MakeReport make_report_;
  const OnMove on_move_;
  const OnOrder on_order_;

  etcd::Loop loop_;
  // From here to the mutex: the loop's thread only.
  etcd::Client client_;
  etcd::LeasedKey leased_;
  RecordWriter writer_;
  OrderWatch orders_;
  // Of the record as it was last written or seen; 0: there is none.
  int64_t record_revision_ = 0;
  bool claims_again_ = false;
  // Who has the key, if that is another; for the log.
  std::string holder_;
  std::string said_;
  // Of ReportNow: what the record that is being written will have covered.
  uint64_t covered_ = 0;
  uint64_t writes_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  Stats stats_ MSGPROC_GUARDED_BY(mutex_);
  bool left_ MSGPROC_GUARDED_BY(mutex_) = false;
  uint64_t wanted_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t reported_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ETCD_CONNECTION_H_
