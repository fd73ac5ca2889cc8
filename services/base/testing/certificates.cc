#include "services/base/testing/certificates.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::server {
namespace {

void Run(const std::string& command) {
  EXPECT_EQ(std::system(absl::StrCat(command, " >/dev/null 2>&1").c_str()), 0)
      << command;
}

}  // namespace

std::string NewTestFolder() {
  std::string pattern = absl::StrCat(::testing::TempDir(), "/XXXXXX");
  const char* folder = mkdtemp(pattern.data());
  EXPECT_NE(folder, nullptr) << pattern;
  return pattern;
}

std::string ReadTestFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TestAuthority::TestAuthority(const std::string& name)
    : folder_(NewTestFolder()) {
  Run(absl::StrCat("openssl req -x509 -newkey ec ",
                   "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ",
                   "-keyout ", folder_, "/ca.key -out ", cert(),
                   " -subj '/CN=", name, "'"));
}

std::string TestAuthority::Issue(const std::string& name, bool expired) const {
  const std::string stem = absl::StrCat(folder_, "/", name);
  Run(absl::StrCat("openssl req -newkey ec ",
                   "-pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ",
                   stem, ".key -out ", stem, ".csr -subj '/CN=", name,
                   "' -addext "
                   "'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'"));
  Run(absl::StrCat("openssl x509 -req -in ", stem, ".csr -CA ", cert(),
                   " -CAkey ", folder_, "/ca.key -CAcreateserial ",
                   "-copy_extensions copy -out ", stem, ".pem -days ",
                   expired ? "-1" : "2"));
  return stem;
}

}  // namespace msgproc::server
