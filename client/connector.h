#ifndef MSGPROC_CLIENT_CONNECTOR_H_
#define MSGPROC_CLIENT_CONNECTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "client/address_source.h"
#include "client/message_stream.h"
#include "client/process_call.h"

namespace msgproc::client {

// Carries out what ConnectionState decides about connecting: asks where, and
// makes calls. Not thread-safe; its owner asks for one thing at a time.
class Connector {
 public:
  // `options` outlive it.
  Connector(const MessageStreamOptions* options,
            std::unique_ptr<AddressSource> source);

  // See AddressSource::Next. Nothing is called once the connector is gone.
  void Locate(const std::vector<std::string>& failed, const std::string& token,
              AddressSource::Done done);

  // A call to be started, with `token` unless that is empty. It may share its
  // connection with others, but not with `old`, the call before, if any.
  std::shared_ptr<ProcessCall> MakeCall(const std::string& address,
                                        const std::string& token,
                                        const ProcessCall* old,
                                        ProcessCall::Listener* listener) const;

 private:
  const MessageStreamOptions* const options_;
  const std::unique_ptr<AddressSource> source_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CONNECTOR_H_
