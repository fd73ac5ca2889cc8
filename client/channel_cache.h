#ifndef MSGPROC_CLIENT_CHANNEL_CACHE_H_
#define MSGPROC_CLIENT_CHANNEL_CACHE_H_

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace msgproc::client {

// Channels, one connection each. Those with a key are shared by whoever asks
// with the same key while anyone holds them. Thread-safe.
class ChannelCache {
 public:
  struct Request {
    std::string address;
    std::shared_ptr<grpc::ChannelCredentials> credentials;  // Null: plaintext.
    grpc::ChannelArguments arguments;
    int key = -1;  // -1: not shared.
  };

  // The process's own.
  static ChannelCache& Get();

  // A channel that is not `failed`: a new one, or the one that another stream
  // has made since with the same key, address and credentials.
  std::shared_ptr<grpc::Channel> Connect(const Request& request,
                                         const grpc::Channel* failed);

 private:
  using Key = std::tuple<std::string, const grpc::ChannelCredentials*, int>;

  struct Shared {
    std::weak_ptr<grpc::Channel> channel;
    // Held, so that no other can have its address.
    std::shared_ptr<grpc::ChannelCredentials> credentials;
  };

  Mutex mutex_;
  // Those that nobody holds any more leave when the next is made.
  std::map<Key, Shared> shared_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CHANNEL_CACHE_H_
