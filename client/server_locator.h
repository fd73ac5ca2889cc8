#ifndef MSGPROC_CLIENT_SERVER_LOCATOR_H_
#define MSGPROC_CLIENT_SERVER_LOCATOR_H_

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/address_source.h"
#include "client/locator_state.h"
#include "common/locality.h"
#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "msgproc/v1/balancer.grpc.pb.h"

namespace msgproc::client {

// Asks balancers where to connect: the next one when one is down or has no
// server, the servers of the last answer when all are. A question is one round
// over the balancers; who asks decides when to ask again.
//
// Locators of one process share their connections to balancers. The destructor
// cancels, and must not run inside `done`.
class ServerLocator final : public AddressSource {
 public:
  struct Options {
    // host:port each, at least one; asked in order.
    std::vector<std::string> balancers;
    std::string affinity_key;
    // Where the client is.
    Locality locality;
    // Null: plaintext.
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    // Added to every channel's own.
    grpc::ChannelArguments channel_arguments;
    // What one balancer has to answer.
    absl::Duration call_timeout = absl::Seconds(2);
  };

  explicit ServerLocator(Options options);
  ~ServerLocator() override;

  // Gives the address of a server; otherwise as LocatorState::OnError says.
  void Next(const std::vector<std::string>& failed, const std::string& token,
            Done done) override;

 private:
  // One call of GetServer. They stay until the next question: with the last of
  // them its channel might go, on a thread of gRPC.
  struct Attempt {
    grpc::ClientContext context;
    v1::GetServerRequest request;
    v1::GetServerResponse response;
  };

  void Ask() MSGPROC_EXCLUDES(mutex_);
  void OnAnswer(Attempt* attempt, const grpc::Status& status)
      MSGPROC_EXCLUDES(mutex_);
  std::shared_ptr<grpc::Channel> Channel(const std::string& balancer);

  const Options options_;

  Mutex mutex_;
  CondVar finished_;
  LocatorState state_ MSGPROC_GUARDED_BY(mutex_);
  // Of the question being answered.
  std::string token_ MSGPROC_GUARDED_BY(mutex_);
  Done done_ MSGPROC_GUARDED_BY(mutex_);
  // Questions whose `done` has not returned: the next one may come before.
  int asking_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::list<Attempt> attempts_ MSGPROC_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_
      MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_SERVER_LOCATOR_H_
