#include "tools/loadgen/target/token_file.h"

#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace msgproc::loadgen {

absl::StatusOr<std::string> ReadToken(absl::string_view setting,
                                      const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.is_open() || file.bad()) {
    return absl::InvalidArgumentError(absl::StrCat(
        setting, "=", path, ": cannot be read. Does the file exist?"));
  }
  const std::string content = text.str();
  std::string token(absl::StripAsciiWhitespace(content));
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(setting, "=", path,
                     ": is empty; it takes a JSON Web Token, signed by one of "
                     "the keys that the server has."));
  }
  return token;
}

}  // namespace msgproc::loadgen
