#include "services/base/http_server.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"
#include "services/base/testing/socket_folder.h"

namespace msgproc::base {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    handlers_["/healthz"] = [](const HttpRequest& /*request*/) {
      return HttpResponse{200, "text/plain", "ok\n"};
    };
    handlers_["/echo"] = [](const HttpRequest& request) {
      return HttpResponse{200, "application/json",
                          absl::StrCat(request.Query("a").value_or("none"), "|",
                                       request.Query("b").value_or("none"))};
    };
    handlers_["/readyz"] = [](const HttpRequest& /*request*/) {
      return HttpResponse{503, "text/plain", "draining\n"};
    };
  }

  void Start(HttpServerOptions options = {}) {
    if (options.address.empty()) options.address = "127.0.0.1:0";
    auto server = HttpServer::Start(options, handlers_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // The whole answer to a request of HTTP/1.0, head and body.
  std::string Ask(const std::string& method, const std::string& target) const {
    const RawClient client(server_->address());
    client.Send(absl::StrCat(method, " ", target, " HTTP/1.0\r\n\r\n"));
    return client.ReadAll();
  }

  // Adds /slow, which says that it has begun_ and waits for go_on_.
  void ServeSlow() {
    handlers_["/slow"] = [&](const HttpRequest& /*request*/) {
      begun_.set_value();
      go_on_.get_future().wait();
      return HttpResponse{200, "text/plain", "done\n"};
    };
  }

  std::promise<void> begun_;
  std::promise<void> go_on_;
  HttpHandlers handlers_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWithTheHandlersCodeTypeAndBody) {
  Start();
  EXPECT_THAT(Ask("GET", "/healthz"),
              AllOf(HasSubstr(" 200 "), HasSubstr("Content-Type: text/plain"),
                    EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(Ask("GET", "/readyz"),
              AllOf(HasSubstr(" 503 "), EndsWith("draining\n")));
}

TEST_F(HttpServerTest, DecodesQueryParameters) {
  Start();
  EXPECT_THAT(Ask("GET", "/echo?a=x%20y&b=%26"), EndsWith("x y|&"));
  EXPECT_THAT(Ask("GET", "/echo?a"), EndsWith("|none"));
  EXPECT_THAT(Ask("GET", "/echo"), EndsWith("none|none"));
}

TEST_F(HttpServerTest, AnUnknownPathIs404AndNamesTheKnownOnes) {
  Start();
  EXPECT_THAT(Ask("GET", "/nothing"),
              AllOf(HasSubstr(" 404 "), HasSubstr("/healthz")));
  EXPECT_THAT(Ask("GET", "/healthz/"), HasSubstr(" 404 "));
}

TEST_F(HttpServerTest, AWrongMethodIs405AndHeadHasNoBody) {
  Start();
  EXPECT_THAT(Ask("POST", "/healthz"),
              AllOf(HasSubstr(" 405 "), HasSubstr("Allow: GET, HEAD")));
  EXPECT_THAT(Ask("HEAD", "/healthz"),
              AllOf(HasSubstr(" 200 "), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, KeepsAConnectionForFurtherRequests) {
  Start();
  const RawClient client(server_->address());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string answer;
    while (!absl::EndsWith(answer, "ok\n")) {
      const std::string more = client.Read(1);
      ASSERT_NE(more, "");
      answer += more;
    }
  }
}

TEST_F(HttpServerTest, GarbageAndSilenceEndTheirOwnConnectionsOnly) {
  HttpServerOptions options;
  options.connection_timeout = absl::Seconds(1);
  Start(options);
  const RawClient silent(server_->address());
  const RawClient garbage(server_->address());
  garbage.Send("\x16\x03\x01 what is this\r\n\r\n");
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
  EXPECT_TRUE(garbage.IsClosedByPeer());
  EXPECT_TRUE(silent.IsClosedByPeer());
  const RawClient endless(server_->address());
  endless.Send(absl::StrCat("GET /", std::string(100'000, 'x')));
  EXPECT_TRUE(endless.IsClosedByPeer());
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
}

TEST_F(HttpServerTest, BeyondTheCapTheOneGoesThatWaitedLongest) {
  HttpServerOptions options;
  options.max_connections = 2;
  Start(options);
  const RawClient first(server_->address());
  first.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(first.Read(1), "");
  const RawClient second(server_->address());
  second.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(second.Read(1), "");
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
  EXPECT_TRUE(first.IsClosedByPeer());
}

TEST_F(HttpServerTest, ConnectionsThatTrickleDoNotKeepProbesOut) {
  Start();
  std::vector<RawClient> trickling;
  for (int i = 0; i < 128; ++i) {
    trickling.emplace_back(server_->address());
    trickling.back().Send("GET /healthz HTT");
  }
  for (int i = 0; i < 25; ++i) {
    for (const RawClient& client : trickling) client.Send("P");
    ASSERT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 ")) << i;
  }
}

TEST_F(HttpServerTest, SilentConnectionsAndUnreadAnswersDoNotKeepProbesOut) {
  handlers_["/large"] = [](const HttpRequest& /*request*/) {
    return HttpResponse{200, "text/plain", std::string(16 << 20, 'x')};
  };
  HttpServerOptions options;
  options.max_connections = 8;
  Start(options);
  std::vector<RawClient> silent;
  for (int i = 0; i < 8; ++i) silent.emplace_back(server_->address());
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
  std::vector<RawClient> not_reading;
  for (int i = 0; i < 8; ++i) {
    not_reading.emplace_back(server_->address());
    not_reading.back().Send("GET /large HTTP/1.0\r\n\r\n");
    ASSERT_NE(not_reading.back().Read(1), "");
  }
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
}

TEST_F(HttpServerTest, ATricklingRequestEndsWhenItsTimeIsUp) {
  HttpServerOptions options;
  options.connection_timeout = absl::Seconds(1);
  Start(options);
  const RawClient first_request(server_->address());
  const RawClient second_request(server_->address());
  second_request.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(second_request.Read(1), "");
  for (const RawClient* client : {&first_request, &second_request}) {
    client->Send("GET /healthz HTTP/1.1\r\nX: ");
    EXPECT_TRUE(Eventually([&] {
      client->Send("x");
      return client->IsClosedWithin(absl::Milliseconds(20));
    }));
  }
}

TEST_F(HttpServerTest, ConnectionsBeyondTheCapMayComeWhileItIsBusy) {
  ServeSlow();
  HttpServerOptions options;
  options.max_connections = 2;
  Start(options);
  std::thread client(
      [&] { EXPECT_THAT(Ask("GET", "/slow"), EndsWith("done\n")); });
  begun_.get_future().wait();
  const RawClient waiting(server_->address());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(RawClient(server_->address()).IsClosedByPeer());
  }
  go_on_.set_value();
  client.join();
  // Once the first one's end was noticed.
  EXPECT_TRUE(Eventually(
      [&] { return absl::StrContains(Ask("GET", "/healthz"), " 200 "); }));
}

TEST_F(HttpServerTest, OnAUnixSocketNothingIsLoggedOfTcp) {
  const SocketFolder folder;
  HttpServerOptions options;
  options.address = "unix:" + folder / "http";
  ::testing::internal::CaptureStderr();
  Start(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(HttpServerTest, ServesOnIpv6AndUnixSockets) {
  const SocketFolder folder;
  for (const std::string& address :
       {std::string("[::1]:0"), std::string("localhost:0"),
        "unix:" + folder / "http"}) {
    HttpServerOptions options;
    options.address = address;
    Start(options);
    EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 ")) << address;
  }
}

TEST_F(HttpServerTest, ATakenPortAndABadAddressAreClearErrors) {
  Start();
  HttpServerOptions options;
  options.address = server_->address();
  const absl::Status taken = HttpServer::Start(options, {}).status();
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(taken.message()), HasSubstr(options.address));
  options.address = "8051";
  EXPECT_EQ(HttpServer::Start(options, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpServerTest, StopLetsARequestUnderWayFinish) {
  ServeSlow();
  Start();
  std::string answer;
  std::thread client([&] { answer = Ask("GET", "/slow"); });
  begun_.get_future().wait();
  std::thread stopper([&] { server_->Stop(); });
  // The listener goes first, while the request is still under way.
  while (RawClient(server_->address()).connected()) std::this_thread::yield();
  go_on_.set_value();
  stopper.join();
  client.join();
  EXPECT_THAT(answer, EndsWith("done\n"));
}

TEST_F(HttpServerTest, StopDoesNotWaitForIdleClients) {
  Start();
  const RawClient idle(server_->address());
  idle.Send("GET /heal");
  server_->Stop();
  EXPECT_TRUE(idle.IsClosedByPeer());
  server_->Stop();
}

TEST_F(HttpServerTest, RunningOutOfDescriptorsIsNotTheEnd) {
  Start();
  std::vector<RawClient> clients(4);
  rlimit saved{};
  getrlimit(RLIMIT_NOFILE, &saved);
  rlimit lowered = saved;
  lowered.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &lowered);
  for (RawClient& client : clients) client.Connect(server_->address());
  setrlimit(RLIMIT_NOFILE, &saved);
  EXPECT_THAT(Ask("GET", "/healthz"), HasSubstr(" 200 "));
}

}  // namespace
}  // namespace msgproc::base
