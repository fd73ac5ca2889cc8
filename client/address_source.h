#ifndef MSGPROC_CLIENT_ADDRESS_SOURCE_H_
#define MSGPROC_CLIENT_ADDRESS_SOURCE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace msgproc::client {

// Where a stream connects next. Owned by one stream, which asks one question at
// a time.
class AddressSource {
 public:
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  // No `done` is called once it has returned.
  virtual ~AddressSource() = default;

  // Calls `done` once, on any thread and perhaps before it returns, with an
  // address (any gRPC target) or with why there is none: a status that
  // MayReconnect is asked again later, any other ends the stream. `failed`:
  // addresses that just failed, or asked the stream to leave. `token`: of who
  // asks; may be empty.
  virtual void Next(const std::vector<std::string>& failed,
                    const std::string& token, Done done) = 0;
};

// Always the same address.
class FixedAddress final : public AddressSource {
 public:
  explicit FixedAddress(std::string address) : address_(std::move(address)) {}

  void Next(const std::vector<std::string>& /*failed*/,
            const std::string& /*token*/, Done done) override {
    done(address_);
  }

 private:
  const std::string address_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_ADDRESS_SOURCE_H_
