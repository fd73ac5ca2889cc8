#include "services/base/live/live_feed.h"

#include <atomic>
#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "services/base/http_server.h"
#include "services/base/testing/eventually.h"

namespace msgproc::base {
namespace {

using testing::HasSubstr;

class LiveFeedTest : public testing::Test {
 protected:
  LiveFeedTest()
      : feed_(
            {.figures = {"a", "b"},
             .interval = absl::Milliseconds(1),
             .samples = 5},
            [this] {
              // Few digits, as samples are written with four.
              const double number = samples_++ % 100;
              return MetricHistory::Sample{{"", {number, number / 2}}};
            },
            [](JsonWriter* json) { json->Text("name", "<script>"); }) {}

  HttpResponse Get(const std::string& path, const std::string& since = "") {
    HttpRequest request{.method = "GET", .path = path};
    if (!since.empty()) request.query.emplace("since", since);
    return feed_.Pages().at(path)(request);
  }
  nlohmann::json Json(const std::string& since = "") {
    return nlohmann::json::parse(Get("/live.json", since).body);
  }

  std::atomic<int> samples_{0};
  LiveFeed feed_;
};

TEST_F(LiveFeedTest, SaysWhatIsRememberedAndWhatIsNow) {
  ASSERT_TRUE(Eventually([this] { return Json()["next"] >= 7; }));
  const nlohmann::json json = Json();
  EXPECT_EQ(json["figures"], nlohmann::json({"a", "b"}));
  EXPECT_EQ(json["samples"], 5);
  EXPECT_EQ(json["interval_seconds"], 0.001);
  EXPECT_EQ(json["facts"]["name"], "<script>");
  const int begin = json["begin"];
  EXPECT_EQ(json["next"], begin + 5);
  ASSERT_EQ(json["history"].size(), 1u);
  EXPECT_EQ(json["history"][0]["subject"], "");
  const nlohmann::json values = json["history"][0]["values"];
  ASSERT_EQ(values.size(), 2u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(values[0][i], (begin + i) % 100);
    EXPECT_EQ(values[1][i], (begin + i) % 100 / 2.0);
  }
}

TEST_F(LiveFeedTest, WhoHasTheOlderOnesGetsTheNewerOnes) {
  ASSERT_TRUE(Eventually([this] { return Json()["next"] >= 7; }));
  const nlohmann::json all = Json();
  const int since = all["next"];
  const nlohmann::json json = Json(std::to_string(since));
  EXPECT_EQ(json["instance"], all["instance"]);
  const int begin = json["begin"];
  EXPECT_GE(begin, since);
  const nlohmann::json values = json["history"][0]["values"][0];
  EXPECT_EQ(values.size(), json["next"].get<size_t>() - begin);
  if (!values.empty()) {
    EXPECT_EQ(values[0], begin % 100);
  }
  // A number that there is not yet gets nothing.
  const nlohmann::json later = Json("1000000000");
  EXPECT_EQ(later["begin"], later["next"]);
  EXPECT_TRUE(later["history"][0]["values"][0].empty());
  EXPECT_EQ(Get("/live.json", "x").code, 400);
}

TEST_F(LiveFeedTest, NothingIsKeptAndNothingOfOthersIsLoaded) {
  for (const char* path : {"/", "/live.css", "/live.js", "/live.json"}) {
    const HttpResponse response = Get(path);
    EXPECT_EQ(response.code, 200) << path;
    EXPECT_EQ(response.headers.at("Cache-Control"), "no-store") << path;
    EXPECT_THAT(response.headers.at("Content-Security-Policy"),
                HasSubstr("default-src 'none'"))
        << path;
    EXPECT_FALSE(response.body.empty()) << path;
  }
  EXPECT_THAT(Get("/").content_type, HasSubstr("text/html"));
}

}  // namespace
}  // namespace msgproc::base
