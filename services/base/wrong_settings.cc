#include "services/base/wrong_settings.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/check.h"

namespace msgproc::base {
namespace {

std::string Renamed(absl::string_view text, const SettingName& name) {
  std::string renamed;
  while (true) {
    const size_t begin = text.find('{');
    absl::StrAppend(&renamed, text.substr(0, begin));
    if (begin == absl::string_view::npos) return renamed;
    const size_t end = text.find('}', begin);
    MSGPROC_CHECK_NE(end, absl::string_view::npos);
    renamed += name(text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string WrongSettings::Sentence::In(const SettingName& name) const {
  return names_settings ? Renamed(text, name) : text;
}

void WrongSettings::Expect(bool right, absl::string_view name,
                           const absl::AlphaNum& value,
                           absl::string_view takes) {
  MSGPROC_CHECK(!name.empty());
  if (right) return;
  Add(absl::StrCat("{", name, "} is ", value, "; it takes ", takes, "."));
}

void WrongSettings::Expect(bool right, absl::string_view name,
                           absl::Duration value, absl::string_view takes) {
  Expect(right, name, absl::FormatDuration(value), takes);
}

void WrongSettings::Add(std::string sentence) {
  MSGPROC_CHECK(!sentence.empty());
  sentences_.push_back(
      {absl::StatusCode::kInvalidArgument, std::move(sentence), true});
}

void WrongSettings::Add(const absl::Status& status) {
  if (status.ok()) return;
  sentences_.push_back({status.code(), std::string(status.message()), false});
}

void WrongSettings::Add(const WrongSettings& others, const SettingName& name) {
  MSGPROC_CHECK_NE(&others, this);
  for (const Sentence& other : others.sentences_) {
    sentences_.push_back({other.code, other.In(name), false});
  }
}

absl::Status WrongSettings::AsStatus(const SettingName& name) const {
  if (sentences_.empty()) return absl::OkStatus();
  const auto line = [&name](std::string* text, const Sentence& sentence) {
    absl::StrAppend(text, sentence.In(name));
  };
  const absl::StatusCode code = sentences_.size() == 1
                                    ? sentences_[0].code
                                    : absl::StatusCode::kInvalidArgument;
  return absl::Status(code, absl::StrJoin(sentences_, "\n", line));
}

absl::Status WrongSettings::AsStatus() const { return AsStatus(AsOption); }

}  // namespace msgproc::base
