#ifndef MSGPROC_SERVICES_BASE_TESTING_CERTIFICATES_H_
#define MSGPROC_SERVICES_BASE_TESTING_CERTIFICATES_H_

#include <string>
#include <vector>

namespace msgproc::base {

// A fresh folder that tests may fill; goes with the test's other files.
std::string NewTestFolder();

std::string ReadTestFile(const std::string& path);

// Runs the openssl command; a test failure when it fails.
void RunOpenSsl(std::vector<std::string> arguments);

// A certificate authority made for one test by the openssl command.
class TestAuthority {
 public:
  // A test failure when openssl is missing.
  explicit TestAuthority(const std::string& name = "test authority");

  // PEM file with the authority's own certificate.
  std::string cert() const { return folder_ + "/ca.pem"; }

  // Makes FOLDER/NAME.pem and FOLDER/NAME.key, good for localhost, 127.0.0.1
  // and ::1, and gives their path without the ending. An expired one was good
  // until yesterday.
  std::string Issue(const std::string& name, bool expired = false) const;

 private:
  const std::string folder_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_CERTIFICATES_H_
