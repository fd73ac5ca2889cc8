// Text from elsewhere (a peer's name, x-forwarded-for, a worker's error) on its
// way into statuses and the log: UTF-8 as protobuf has it, a line that stays
// one, JSON that says the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/quoted.h"
#include "common/utf8.h"
#include "msgproc/v1/processor.pb.h"
#include "nlohmann/json.hpp"
#include "services/base/log.h"
#include "services/base/socket_address.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/reference.h"
#include "wire/coding.h"

namespace msgproc::fuzz {
namespace {

bool IsUtf8ForProtobuf(absl::string_view text) {
  std::string encoded(text.size() + 16, '\0');
  char* const end = wire::PutBytes(
      encoded.data(), wire::Tag(1, wire::WireType::kLengthDelimited), text);
  encoded.resize(static_cast<size_t>(end - encoded.data()));
  v1::Header header;
  return Reads(encoded, &header);
}

bool HasControl(absl::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

void CheckCut(absl::string_view text, size_t most) {
  const std::string cut = TruncateUtf8(text, most);
  MSGPROC_CHECK_LE(cut.size(), most);
  MSGPROC_CHECK(IsUtf8(cut));
  if (!IsUtf8(text)) return;
  MSGPROC_CHECK(absl::StartsWith(text, cut));
  // No character less than there is room for.
  if (cut.size() < std::min(text.size(), most)) {
    MSGPROC_CHECK_GT(cut.size() + Utf8Length(text.substr(cut.size())), most);
  }
}

void CheckLogged(absl::string_view text) {
  std::string as_text;
  base::LogValue(text).AppendText(&as_text);
  std::string as_json;
  base::LogValue(text).AppendJson(&as_json);
  std::string line;
  base::AppendOneLine(text, &line);
  for (const std::string& written : {as_text, as_json, line}) {
    MSGPROC_CHECK(!HasControl(written));
    // Separators of lines, changes of the writing's direction.
    for (const char* deceiving :
         {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6"}) {
      MSGPROC_CHECK(!absl::StrContains(written, deceiving));
    }
  }
  const nlohmann::json read = nlohmann::json::parse(as_json);
  if (IsUtf8(text)) MSGPROC_CHECK_EQ(read.get<std::string>(), text);
  // A field ends where the next begins.
  if (as_text[0] == '"') {
    MSGPROC_CHECK_EQ(as_text, as_json);
  } else {
    MSGPROC_CHECK_EQ(as_text, text);
    MSGPROC_CHECK(as_text.find_first_of(" =\"") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const size_t most = input.Byte();
  const absl::string_view text = input.Rest();
  MSGPROC_CHECK_EQ(IsUtf8(text), IsUtf8ForProtobuf(text));
  CheckCut(text, most);
  MSGPROC_CHECK_LE(Quoted(text).size(), kMostQuotedBytes + 64);
  MSGPROC_CHECK(IsUtf8(Quoted(text)));
  CheckLogged(text);
  MSGPROC_CHECK_LE(base::DecodePeer(text).size(), text.size());
  return 0;
}

}  // namespace msgproc::fuzz
