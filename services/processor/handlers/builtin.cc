#include "services/processor/handlers/builtin.h"

#include <openssl/sha.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace msgproc::processor {
namespace {

void CopyHeaders(const Message& message, Reply* reply) {
  for (const wire::HeaderView& header : message.headers()) {
    reply->AddHeader(std::string(header.key), std::string(header.value));
  }
}

class Echo final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) override {
    reply->BorrowPayload(message.payload);
    CopyHeaders(message, reply);
    return absl::OkStatus();
  }
};

class Uppercase final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) override {
    std::string& out = *reply->mutable_payload();
    out.assign(message.payload.data(), message.payload.size());
    for (char& c : out) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return absl::OkStatus();
  }
};

class Sha256 final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) override {
    std::string& out = *reply->mutable_payload();
    out.resize(SHA256_DIGEST_LENGTH);
    SHA256(reinterpret_cast<const unsigned char*>(message.payload.data()),
           message.payload.size(),
           reinterpret_cast<unsigned char*>(out.data()));
    return absl::OkStatus();
  }
};

class Spin final : public Handler {
 public:
  explicit Spin(absl::Duration spin) : spin_(spin) {}

  absl::Status Handle(const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) override {
    absl::Duration spin = spin_;
    for (const wire::HeaderView& header : message.headers()) {
      if (header.key != "spin-us") continue;
      int64_t microseconds = 0;
      if (!absl::SimpleAtoi(header.value, &microseconds) || microseconds < 0 ||
          microseconds > 10'000'000) {
        return absl::InvalidArgumentError(
            absl::StrCat("The header spin-us is '", header.value,
                         "'; it takes whole microseconds from 0 to 10000000."));
      }
      spin = absl::Microseconds(microseconds);
    }
    const absl::Duration until = ThreadCpuTime() + spin;
    while (ThreadCpuTime() < until) {
    }
    reply->BorrowPayload(message.payload);
    return absl::OkStatus();
  }

 private:
  // CPU time and not time of day: a thread that was not running did no work.
  static absl::Duration ThreadCpuTime() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return absl::DurationFromTimespec(time);
  }

  const absl::Duration spin_;
};

}  // namespace

void RegisterBuiltinHandlers(HandlerRegistry* registry,
                             const BuiltinOptions& options) {
  const HandlerTraits fast = {.never_blocks = true};
  registry->Register("echo", std::make_unique<Echo>(), fast)
      .Register("uppercase", std::make_unique<Uppercase>(), fast)
      .Register("sha256", std::make_unique<Sha256>());
  if (options.spin.has_value()) {
    registry->Register("spin", std::make_unique<Spin>(*options.spin));
  }
}

}  // namespace msgproc::processor
