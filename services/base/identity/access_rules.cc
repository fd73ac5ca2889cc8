#include "services/base/identity/access_rules.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/utf8.h"
#include "msgproc/access/v1/access.pb.h"

namespace msgproc::base {
namespace {

using google::protobuf::TextFormat;

// Files are written by people; what nests deeper than the messages do is none.
constexpr int kMostLevels = 10;

std::string Place(const std::string& path, int line, int column) {
  // Of the parser's, which count from 0.
  return absl::StrCat(path, ":", line + 1, ":", column + 1);
}

// Keeps the first error, with its place.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(const std::string& path) : path_(path) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ = absl::StrCat(line < 0 ? path_ : Place(path_, line, column), ": ",
                         message);
  }
  const std::string& text() const { return text_; }

 private:
  const std::string& path_;
  std::string text_;
};

}  // namespace

// Makes rules of a file; knows where in it what stands.
class AccessRulesReader {
 public:
  explicit AccessRulesReader(const FileText& file) : file_(file) {}

  absl::StatusOr<AccessRules> Read() {
    if (!IsUtf8(file_.text)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_.path, ": is not UTF-8"));
    }
    FirstError errors(file_.path);
    TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    parser.WriteLocationsTo(&places_);
    parser.SetRecursionLimit(kMostLevels);
    access::v1::AccessFile message;
    if (!parser.ParseFromString(file_.text, &message)) {
      return absl::InvalidArgumentError(
          errors.text().empty()
              ? absl::StrCat(file_.path, ": is no access file")
              : errors.text());
    }
    std::vector<AccessRules::Rule> rules;
    for (int i = 0; i < message.rules_size(); ++i) {
      absl::StatusOr<AccessRules::Rule> rule = ToRule(message.rules(i), i);
      if (!rule.ok()) return rule.status();
      rules.push_back(*std::move(rule));
    }
    return AccessRules(std::move(rules));
  }

 private:
  using Rule = AccessRules::Rule;

  absl::StatusOr<Rule> ToRule(const access::v1::Rule& message, int index) {
    Rule rule;
    rule.grant.rule = message.name().empty() ? absl::StrCat("rule ", index + 1)
                                             : message.name();
    const auto wrong = [&](const absl::AlphaNum& what) {
      return WrongAt(index, absl::StrCat(rule.grant.rule, " ", what.Piece()));
    };
    if (message.who_case() == access::v1::Rule::WHO_NOT_SET &&
        message.sources().empty()) {
      return wrong(
          "fits nobody in particular: give it a principal, a claim, or the "
          "sources that it is for");
    }
    if (absl::Status who = ReadWho(message, &rule); !who.ok()) {
      return wrong(who.message());
    }
    for (const int source : message.sources()) {
      // Text format takes a number that has no name, too.
      if (source == access::v1::SOURCE_UNSPECIFIED ||
          !access::v1::Source_IsValid(source)) {
        return wrong(absl::StrCat("has a source that is none: ",
                                  source == access::v1::SOURCE_UNSPECIFIED
                                      ? "SOURCE_UNSPECIFIED"
                                      : absl::StrCat(source)));
      }
      rule.sources.push_back(ToSource(source));
    }
    if (message.handlers().empty()) {
      return wrong("has no handlers; \"*\" stands for all of them");
    }
    for (const std::string& handler : message.handlers()) {
      if (handler.empty()) return wrong("has a handler without a name");
      rule.grant.handlers.push_back(handler);
    }
    const access::v1::Limits& limits = message.limits();
    for (const auto& [name, rate] :
         {std::pair("messages_per_second", limits.messages_per_second()),
          std::pair("bytes_per_second", limits.bytes_per_second())}) {
      if (std::isfinite(rate) && rate >= 0) continue;
      return wrong(absl::StrCat("has ", name, ": ", rate,
                                "; a number from 0 up is taken"));
    }
    rule.grant.limits = {.streams = limits.streams(),
                         .sessions = limits.sessions(),
                         .messages_per_second = limits.messages_per_second(),
                         .bytes_per_second = limits.bytes_per_second(),
                         .outstanding_bytes = limits.outstanding_bytes()};
    return rule;
  }

  static absl::Status ReadWho(const access::v1::Rule& message, Rule* rule) {
    if (message.has_claim()) {
      rule->who = Rule::Who::kClaim;
      rule->text = message.claim().name();
      rule->claim_value = message.claim().value();
      if (rule->text.empty()) {
        return absl::InvalidArgumentError("has a claim without a name");
      }
      return absl::OkStatus();
    }
    if (!message.has_principal()) return absl::OkStatus();
    const access::v1::NameMatch& name = message.principal();
    switch (name.match_case()) {
      case access::v1::NameMatch::kExact:
        rule->who = Rule::Who::kExact;
        rule->text = name.exact();
        break;
      case access::v1::NameMatch::kPrefix:
        rule->who = Rule::Who::kPrefix;
        rule->text = name.prefix();
        break;
      case access::v1::NameMatch::kSuffix:
        rule->who = Rule::Who::kSuffix;
        rule->text = name.suffix();
        break;
      case access::v1::NameMatch::MATCH_NOT_SET:
        break;
    }
    if (rule->text.empty()) {
      return absl::InvalidArgumentError(
          "has an empty principal: give exact, prefix or suffix; for all of "
          "them give sources instead");
    }
    return absl::OkStatus();
  }

  static Principal::Source ToSource(int source) {
    switch (source) {
      case access::v1::SOURCE_CERTIFICATE:
        return Principal::Source::kCertificate;
      case access::v1::SOURCE_TOKEN:
        return Principal::Source::kToken;
      default:
        return Principal::Source::kAnonymous;
    }
  }

  absl::Status WrongAt(int index, absl::string_view what) {
    const auto place = places_.GetLocation(
        access::v1::AccessFile::descriptor()->FindFieldByName("rules"), index);
    return absl::InvalidArgumentError(
        absl::StrCat(Place(file_.path, place.line, place.column), ": ", what));
  }

  const FileText& file_;
  TextFormat::ParseInfoTree places_;
};

absl::StatusOr<AccessRules> AccessRules::Parse(const FileText& file) {
  return AccessRulesReader(file).Read();
}

bool Grant::Allows(absl::string_view handler) const {
  return std::any_of(handlers.begin(), handlers.end(),
                     [handler](const std::string& allowed) {
                       return allowed == "*" || allowed == handler;
                     });
}

bool AccessRules::Rule::Fits(const Principal& principal) const {
  if (!sources.empty() && std::find(sources.begin(), sources.end(),
                                    principal.source) == sources.end()) {
    return false;
  }
  if (who == Who::kAnyone) return true;
  if (principal.anonymous()) return false;
  switch (who) {
    case Who::kExact:
      return principal.name == text;
    case Who::kPrefix:
      return absl::StartsWith(principal.name, text);
    case Who::kSuffix:
      return absl::EndsWith(principal.name, text);
    default:
      return FitsClaim(principal);
  }
}

bool AccessRules::Rule::FitsClaim(const Principal& principal) const {
  const auto claim = principal.claims.find(text);
  if (claim == principal.claims.end()) return false;
  if (claim->second == claim_value) return true;
  // By what the token's types were: a string that reads like a list is none.
  const auto list = principal.list_claims.find(text);
  return list != principal.list_claims.end() &&
         std::find(list->second.begin(), list->second.end(), claim_value) !=
             list->second.end();
}

const Grant* AccessRules::Find(const Principal& principal) const {
  const auto found = std::find_if(
      rules_.begin(), rules_.end(),
      [&principal](const Rule& rule) { return rule.Fits(principal); });
  return found == rules_.end() ? nullptr : &found->grant;
}

}  // namespace msgproc::base
