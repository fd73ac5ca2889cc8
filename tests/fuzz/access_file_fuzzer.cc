// An access file: refused with its place, or the rules that protobuf's own text
// format reads, and each client gets what the first rule that fits gives.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/utf8.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "msgproc/access/v1/access.pb.h"
#include "services/base/identity/access_rules.h"

namespace msgproc::fuzz {
namespace {

using base::Principal;

class NoErrors final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int /*line*/, google::protobuf::io::ColumnNumber /*column*/,
                const std::string& /*message*/) override {}
};

std::vector<Principal> Clients() {
  std::vector<Principal> clients(4);
  clients[1].source = Principal::Source::kCertificate;
  clients[1].name = "spiffe://shop/till-7";
  clients[2].source = Principal::Source::kToken;
  clients[2].name = "alice";
  clients[2].claims = {{"tier", "gold"}, {"roles", R"(["ops","admin"])"}};
  clients[2].list_claims = {{"roles", {"ops", "admin"}}};
  clients[3].source = Principal::Source::kToken;
  clients[3].name = "mallory";
  clients[3].claims = {{"roles", R"(["admin"])"}};
  return clients;
}

bool FitsWho(const access::v1::Rule& rule, const Principal& client) {
  if (rule.has_claim()) {
    const auto claim = client.claims.find(rule.claim().name());
    if (claim == client.claims.end()) return false;
    if (claim->second == rule.claim().value()) return true;
    const auto list = client.list_claims.find(rule.claim().name());
    if (list == client.list_claims.end()) return false;
    for (const std::string& element : list->second) {
      if (element == rule.claim().value()) return true;
    }
    return false;
  }
  if (!rule.has_principal()) return true;
  if (client.anonymous()) return false;
  const access::v1::NameMatch& name = rule.principal();
  if (name.has_exact()) return client.name == name.exact();
  if (name.has_prefix()) return absl::StartsWith(client.name, name.prefix());
  return absl::EndsWith(client.name, name.suffix());
}

bool Fits(const access::v1::Rule& rule, const Principal& client) {
  bool source = rule.sources().empty();
  for (const int wanted : rule.sources()) {
    source = source || wanted - 1 == static_cast<int>(client.source);
  }
  return source && FitsWho(rule, client);
}

void CheckSame(const access::v1::AccessFile& file,
               const base::AccessRules& rules) {
  MSGPROC_CHECK_EQ(rules.size(), static_cast<size_t>(file.rules_size()));
  for (const Principal& client : Clients()) {
    const base::Grant* const grant = rules.Find(client);
    const access::v1::Rule* first = nullptr;
    for (const access::v1::Rule& rule : file.rules()) {
      if (!Fits(rule, client)) continue;
      first = &rule;
      break;
    }
    MSGPROC_CHECK_EQ(grant == nullptr, first == nullptr);
    if (grant == nullptr) continue;
    MSGPROC_CHECK_EQ(grant->limits.streams, first->limits().streams());
    MSGPROC_CHECK_EQ(grant->limits.outstanding_bytes,
                     first->limits().outstanding_bytes());
    MSGPROC_CHECK_GE(grant->limits.messages_per_second, 0.0);
    MSGPROC_CHECK(std::vector<std::string>(first->handlers().begin(),
                                           first->handlers().end()) ==
                  grant->handlers);
    for (const std::string& handler : first->handlers()) {
      MSGPROC_CHECK(grant->Allows(handler));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto rules = base::AccessRules::Parse({"access.txtpb", text});
  if (!rules.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(rules.status()));
    MSGPROC_CHECK(absl::StartsWith(rules.status().message(), "access.txtpb:"));
    MSGPROC_CHECK(IsUtf8(rules.status().message()));
    return 0;
  }
  access::v1::AccessFile file;
  google::protobuf::TextFormat::Parser parser;
  NoErrors errors;
  parser.RecordErrorsTo(&errors);
  MSGPROC_CHECK(parser.ParseFromString(text, &file));
  CheckSame(file, *rules);
  return 0;
}

}  // namespace msgproc::fuzz
