#include "client/message_stream.h"

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/address_source.h"
#include "client/outbox_stream.h"
#include "client/reconnecting_stream.h"
#include "client/server_locator.h"
#include "common/locality.h"
#include "common/utf8.h"

namespace msgproc::client {
namespace {

constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokenBytes = 64;
constexpr size_t kMaxSessionIdBytes = 128;
constexpr size_t kMaxClientNameBytes = 256;

absl::Status Check(const MessageStreamOptions& options) {
  if (options.target.empty() == options.balancers.empty()) {
    return absl::InvalidArgumentError(
        options.target.empty()
            ? "neither a target nor a balancer is given: set one of them"
            : "both a target and balancers are given: set one of them");
  }
  const size_t token = options.session_token.size();
  if (token != 0 && (token < kMinTokenBytes || token > kMaxTokenBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "session_token has ", token, " bytes; it takes ", kMinTokenBytes,
        " to ", kMaxTokenBytes, ", or none for a random one"));
  }
  if (options.session_id.size() > kMaxSessionIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("session_id has ", options.session_id.size(),
                     " bytes, more than ", kMaxSessionIdBytes));
  }
  if (options.client_name.size() > kMaxClientNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_name has ", options.client_name.size(),
                     " bytes, more than ", kMaxClientNameBytes));
  }
  for (const auto& [name, text] :
       {std::pair<absl::string_view, absl::string_view>("session_id",
                                                        options.session_id),
        {"client_name", options.client_name},
        {"handler", options.handler}}) {
    if (!IsUtf8(text)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " '", absl::CHexEscape(text), "' is not UTF-8"));
    }
  }
  if (!options.on_result && !options.on_results) {
    return absl::InvalidArgumentError(
        "neither on_result nor on_results is set: results need somewhere to "
        "go");
  }
  if (options.on_result && options.on_results) {
    return absl::InvalidArgumentError(
        "on_result and on_results are both set: a result goes to one of them");
  }
  return ParseLocality(options.locality).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MessageStream>> MessageStream::Open(
    MessageStreamOptions options) {
  absl::Status status = Check(options);
  if (!status.ok()) return status;
  std::unique_ptr<AddressSource> source;
  if (options.balancers.empty()) {
    source = std::make_unique<FixedAddress>(options.target);
  } else {
    source = std::make_unique<ServerLocator>(
        ServerLocator::Options{.balancers = options.balancers,
                               .affinity_key = options.affinity_key,
                               .locality = *ParseLocality(options.locality),
                               .credentials = options.credentials,
                               .channel_arguments = options.channel_arguments});
  }
  if (!options.outbox.empty()) {
    return OutboxStream::Open(std::move(options), std::move(source));
  }
  return std::make_unique<ReconnectingStream>(std::move(options),
                                              std::move(source));
}

}  // namespace msgproc::client
