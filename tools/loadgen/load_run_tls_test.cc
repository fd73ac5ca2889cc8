#include <string>

#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"
#include "tools/loadgen/load_run.h"
#include "tools/loadgen/target/endpoint.h"
#include "tools/loadgen/testing/test_processor.h"

namespace msgproc::loadgen {
namespace {

TEST(LoadRunTlsTest, BothSidesShowTheirCertificates) {
  const base::TestAuthority authority;
  base::CredentialsOptions credentials;
  credentials.tls_client_ca = authority.cert();
  const std::string server = authority.Issue("server");
  credentials.tls_cert = server + ".pem";
  credentials.tls_key = server + ".key";
  const TestProcessor processor("127.0.0.1:0", credentials);
  const std::string client = authority.Issue("client");
  Options options;
  options.n = 100;
  options.target = processor.address();
  options.tls_ca = authority.cert();
  options.tls_cert = client + ".pem";
  options.tls_key = client + ".key";
  options.tls_server_name = "localhost";
  const Plan plan = *MakePlan(options);
  const auto files = RunFiles::Open(plan);
  const auto endpoint = FindEndpoint(plan);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  LoadRun run(plan, endpoint->stream_options, *files);
  const absl::Status connected = run.Connect();
  ASSERT_TRUE(connected.ok()) << connected;
  EXPECT_EQ(run.Execute().Exit(), ExitCode::kOk);
}

}  // namespace
}  // namespace msgproc::loadgen
