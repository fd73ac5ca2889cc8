#ifndef SHOP_PRICE_HANDLER_H_
#define SHOP_PRICE_HANDLER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "services/processor/handlers/handler.h"

namespace shop {

// Answers what an article costs, in cents.
class PriceHandler final : public msgproc::processor::Handler {
 public:
  absl::Status Handle(const msgproc::processor::HandlerContext& /*context*/,
                      const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) override {
    const auto found = prices_.find(std::string(message.payload));
    if (found == prices_.end()) {
      return absl::NotFoundError("We do not sell that.");
    }
    *reply->mutable_payload() = std::to_string(found->second);
    return absl::OkStatus();
  }

 private:
  const std::map<std::string, int> prices_ = {{"apple", 35}, {"pear", 40}};
};

}  // namespace shop

#endif  // SHOP_PRICE_HANDLER_H_
