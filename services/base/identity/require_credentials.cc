#include "services/base/identity/require_credentials.h"

#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/security/auth_context.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/log_throttle.h"

namespace msgproc::base {
namespace {

// gRPC core's view of a connection in the shape of the C++ library's, which
// hides its own.
class Connection final : public grpc::AuthContext {
 public:
  explicit Connection(grpc_auth_context* context) : context_(context) {}

  bool IsPeerAuthenticated() const override {
    return grpc_auth_context_peer_is_authenticated(context_) != 0;
  }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return ""; }
  std::vector<grpc::string_ref> FindPropertyValues(
      const std::string& name) const override {
    std::vector<grpc::string_ref> values;
    grpc_auth_property_iterator it =
        grpc_auth_context_find_properties_by_name(context_, name.c_str());
    while (const grpc_auth_property* property =
               grpc_auth_property_iterator_next(&it)) {
      values.emplace_back(property->value, property->value_length);
    }
    return values;
  }
  grpc::AuthPropertyIterator begin() const override { return Nothing(); }
  grpc::AuthPropertyIterator end() const override { return Nothing(); }
  void AddProperty(const std::string& /*key*/,
                   const grpc::string_ref& /*value*/) override {}
  bool SetPeerIdentityPropertyName(const std::string& /*name*/) override {
    return false;
  }

 private:
  struct Nothing : grpc::AuthPropertyIterator {};

  grpc_auth_context* const context_;
};

// One for each listener. gRPC's threads call it.
class EveryCall {
 public:
  explicit EveryCall(std::shared_ptr<const Authenticator> authenticator)
      : authenticator_(std::move(authenticator)) {}

  static void Process(void* self, grpc_auth_context* context,
                      const grpc_metadata* metadata, size_t count,
                      grpc_process_auth_metadata_done_cb done, void* call) {
    const absl::Status status =
        static_cast<EveryCall*>(self)->Check(context, metadata, count);
    const grpc::Status said = ToGrpcStatus(status);
    done(call, nullptr, 0, nullptr, 0,
         static_cast<grpc_status_code>(said.error_code()),
         status.ok() ? nullptr : said.error_message().c_str());
  }
  static void Destroy(void* self) { delete static_cast<EveryCall*>(self); }

 private:
  absl::Status Check(grpc_auth_context* context, const grpc_metadata* metadata,
                     size_t count) {
    std::vector<absl::string_view> authorization;
    for (size_t i = 0; i < count; ++i) {
      const absl::string_view key = Text(metadata[i].key);
      if (key == "authorization") {
        authorization.push_back(Text(metadata[i].value));
      }
    }
    const Connection connection(context);
    absl::Status status = RefuseAnonymous(
        authenticator_->Authenticate(&connection, authorization), "server");
    if (status.ok()) return status;
    if (const auto suppressed = log_.Admit(); suppressed.has_value()) {
      LogWarning("call without good credentials refused",
                 {{"reason", status.message()}, {"suppressed", *suppressed}});
    }
    return status;
  }

  static absl::string_view Text(const grpc_slice& slice) {
    return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)),
            GRPC_SLICE_LENGTH(slice)};
  }

  const std::shared_ptr<const Authenticator> authenticator_;
  LogThrottle log_;
};

}  // namespace

void RequireCredentials(grpc_server_credentials* credentials,
                        std::shared_ptr<const Authenticator> authenticator) {
  grpc_server_credentials_set_auth_metadata_processor(
      credentials, {&EveryCall::Process, &EveryCall::Destroy,
                    new EveryCall(std::move(authenticator))});
}

}  // namespace msgproc::base
