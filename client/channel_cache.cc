#include "client/channel_cache.h"

#include <iterator>

#include "common/channel_arguments.h"
#include "grpcpp/create_channel.h"

namespace msgproc::client {
namespace {

// A dead peer is found by heartbeats; this finds it where a connection has no
// stream that is heard. Pings as rare as this are allowed by every server. With
// the time-out comes TCP_USER_TIMEOUT: a connection whose data is not
// acknowledged for so long breaks, long before three heartbeats are missed.
constexpr int kKeepaliveTimeMs = 5 * 60 * 1000;
constexpr int kKeepaliveTimeoutMs = 20 * 1000;
// What a server may send ahead of reading, of each stream: 5 MB/s over 100 ms.
// Larger ones were measured to be slower on short ways.
constexpr int kReceiveWindowBytes = 512 << 10;
// The server bounds what it sends; this bounds what it could.
constexpr int kMaxReceiveBytes = 64 << 20;

std::shared_ptr<grpc::Channel> Create(const ChannelCache::Request& request) {
  grpc::ChannelArguments arguments = OwnChannelArguments();
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kReceiveWindowBytes);
  // It costs a timer that is set anew with each frame and walked past every
  // second, a fifth of an idle socket's CPU; TCP_USER_TIMEOUT is worth it.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  Overwrite(request.arguments, &arguments);
  return grpc::CreateCustomChannel(request.address,
                                   request.credentials != nullptr
                                       ? request.credentials
                                       : grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

ChannelCache& ChannelCache::Get() {
  // Never destroyed: streams may outlive static objects.
  static ChannelCache* const instance = new ChannelCache();
  return *instance;
}

std::shared_ptr<grpc::Channel> ChannelCache::Connect(
    const Request& request, const grpc::Channel* failed) {
  if (request.key < 0) return Create(request);
  std::shared_ptr<grpc::Channel> channel;
  const Key key{request.address, request.credentials.get(), request.key};
  MutexLock lock(&mutex_);
  const auto found = shared_.find(key);
  if (found != shared_.end()) {
    channel = found->second.channel.lock();
    if (channel != nullptr && channel.get() != failed) return channel;
  }
  for (auto it = shared_.begin(); it != shared_.end();) {
    it = it->second.channel.expired() ? shared_.erase(it) : std::next(it);
  }
  channel = Create(request);
  shared_[key] = {.channel = channel, .credentials = request.credentials};
  return channel;
}

}  // namespace msgproc::client
