#include "services/base/testing/certificates.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/testing/child_process.h"

namespace msgproc::base {
namespace {

constexpr char kCurve[] = "ec_paramgen_curve:prime256v1";
constexpr char kNames[] = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1";

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

void RunOpenSsl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  ChildProcess child(arguments);
  EXPECT_EQ(child.Wait(), 0) << child.Output();
}

TestAuthority::TestAuthority(const std::string& name)
    : folder_(NewTestFolder()) {
  RunOpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", kCurve, "-nodes",
              "-days", "2", "-keyout", folder_ + "/ca.key", "-out", cert(),
              "-subj", "/CN=" + name});
}

std::string TestAuthority::Issue(const std::string& name, bool expired) const {
  const std::string stem = absl::StrCat(folder_, "/", name);
  RunOpenSsl({"req", "-newkey", "ec", "-pkeyopt", kCurve, "-nodes", "-keyout",
              stem + ".key", "-out", stem + ".csr", "-subj", "/CN=" + name,
              "-addext", kNames});
  RunOpenSsl({"x509", "-req", "-in", stem + ".csr", "-CA", cert(), "-CAkey",
              folder_ + "/ca.key", "-CAcreateserial", "-copy_extensions",
              "copy", "-out", stem + ".pem", "-days", expired ? "-1" : "2"});
  return stem;
}

}  // namespace msgproc::base
