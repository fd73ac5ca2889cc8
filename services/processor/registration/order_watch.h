#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ORDER_WATCH_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ORDER_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "etcd/rpc.pb.h"
#include "grpcpp/support/status.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/etcd/client.h"
#include "services/etcd/watch_call.h"

namespace msgproc::processor {

// What balancers write to a processor's order key from one registration of it
// on: each is told once, and the key deleted. What was written before that
// registration, or while it was lost, is as lost as what is said on a broken
// stream. On the loop's thread only.
class OrderWatch {
 public:
  using OnAnswer = std::function<void(const v1::RegisterResponse&)>;

  // `client` outlives it.
  OrderWatch(std::string key, etcd::Client* client, OnAnswer on_answer);
  ~OrderWatch() { End(); }
  OrderWatch(const OrderWatch&) = delete;
  OrderWatch& operator=(const OrderWatch&) = delete;

  // A registration begins, behind this revision.
  void Begin(int64_t revision);
  void End();
  // Watches, if that is due. Returns when to be called next.
  absl::Time Step(absl::Time now);

 private:
  void Watch();
  void OnResponse(const etcdserverpb::WatchResponse& response);
  void OnEnded();
  void Delete(const etcdserverpb::KeyValue& order);

  const std::string key_;
  etcd::Client* const client_;
  const OnAnswer on_answer_;
  // The last that was seen; 0: no registration.
  int64_t revision_ = 0;
  uint64_t connection_ = 0;
  absl::Time retry_at_ = absl::InfinitePast();
  std::shared_ptr<etcd::WatchCall> watch_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_ORDER_WATCH_H_
