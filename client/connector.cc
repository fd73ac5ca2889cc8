#include "client/connector.h"

#include <utility>

#include "client/channel_cache.h"

namespace msgproc::client {

Connector::Connector(const MessageStreamOptions* options,
                     std::unique_ptr<AddressSource> source)
    : options_(options), source_(std::move(source)) {}

void Connector::Locate(const std::vector<std::string>& failed,
                       const std::string& token, AddressSource::Done done) {
  source_->Next(failed, token, std::move(done));
}

std::shared_ptr<ProcessCall> Connector::MakeCall(
    const std::string& address, const std::string& token,
    const ProcessCall* old, ProcessCall::Listener* listener) const {
  const ChannelCache::Request request = {
      .address = address,
      .credentials = options_->credentials,
      .arguments = options_->channel_arguments,
      .key = options_->connection_key};
  return std::make_shared<ProcessCall>(
      ChannelCache::Get().Connect(request,
                                  old == nullptr ? nullptr : old->channel()),
      token, listener);
}

}  // namespace msgproc::client
