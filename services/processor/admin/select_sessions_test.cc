#include "services/processor/admin/select_sessions.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {
namespace {

using admin::v1::ListSessionsRequest;
using admin::v1::ListSessionsResponse;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1000);

SessionFacts Session(absl::string_view id) {
  SessionFacts facts;
  facts.id = id;
  facts.handler = "echo";
  facts.now = kNow;
  return facts;
}

std::vector<std::string> Ids(const ListSessionsResponse& page) {
  std::vector<std::string> ids;
  for (const admin::v1::Session& session : page.sessions()) {
    ids.push_back(session.stream() == 0 ? session.session_id()
                                        : absl::StrCat("@", session.stream()));
  }
  return ids;
}

absl::StatusOr<ListSessionsResponse> SelectOf(
    const ListSessionsRequest& request, std::vector<SessionFacts> all,
    size_t max_bytes = kMaxPageBytes) {
  absl::StatusOr<SelectSessions> select = SelectSessions::For(request);
  if (!select.ok()) return select.status();
  for (SessionFacts& facts : all) select->Offer(std::move(facts));
  return select->Page(kNow, max_bytes);
}

// Five sessions, each of which is the first in an order.
std::vector<SessionFacts> Five() {
  std::vector<SessionFacts> all = {Session("c"), Session("a"), Session("e"),
                                   Session("b"), Session("d")};
  all[0].attached = true;
  all[0].bytes = 3000;
  all[1].principal = "shop";
  all[1].accepted_through = all[1].dispatched_through = 7;
  all[1].ready_through = all[1].committed_through = all[1].taken_through = 7;
  all[1].received_through = 7;
  all[2].attached = true;
  all[2].accepted_through = all[2].dispatched_through = 5;
  all[2].ready_through = all[2].committed_through = 5;
  all[2].received_through = 1;
  all[3].handler = "sha256";
  all[3].accepted_through = 2;
  all[3].oldest_accepted_at = kNow - absl::Seconds(3);
  all[4].accepted_through = 3;
  all[4].dispatched_through = 1;
  all[4].oldest_accepted_at = kNow;
  return all;
}

ListSessionsResponse Select(const ListSessionsRequest& request) {
  auto page = SelectOf(request, Five());
  EXPECT_TRUE(page.ok()) << page.status();
  return *std::move(page);
}

std::vector<std::string> InOrder(ListSessionsRequest::Order order) {
  ListSessionsRequest request;
  request.set_order(order);
  return Ids(Select(request));
}

TEST(SelectSessionsTest, EachOrderBeginsWithItsLargest) {
  EXPECT_THAT(InOrder(ListSessionsRequest::ORDER_UNSPECIFIED),
              ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(InOrder(ListSessionsRequest::ORDER_UNREAD),
              ElementsAre("e", "a", "b", "c", "d"));
  EXPECT_THAT(InOrder(ListSessionsRequest::ORDER_BYTES),
              ElementsAre("c", "a", "b", "d", "e"));
  EXPECT_THAT(InOrder(ListSessionsRequest::ORDER_WAITING),
              ElementsAre("b", "d", "a", "c", "e"));
  EXPECT_THAT(InOrder(ListSessionsRequest::ORDER_MESSAGES),
              ElementsAre("a", "e", "d", "b", "c"));
}

TEST(SelectSessionsTest, EachFilterMustHold) {
  ListSessionsRequest request;
  request.set_attachment(ListSessionsRequest::ATTACHMENT_ATTACHED);
  EXPECT_THAT(Ids(Select(request)), ElementsAre("c", "e"));
  request.set_stage(admin::v1::STAGE_WRITE);
  EXPECT_THAT(Ids(Select(request)), ElementsAre("e"));
  request.set_attachment(ListSessionsRequest::ATTACHMENT_DETACHED);
  EXPECT_THAT(Ids(Select(request)), IsEmpty());

  request.Clear();
  request.set_handler("sha256");
  EXPECT_THAT(Ids(Select(request)), ElementsAre("b"));
  request.Clear();
  request.set_principal("shop");
  EXPECT_THAT(Ids(Select(request)), ElementsAre("a"));
  request.Clear();
  request.set_session_id_prefix("d");
  EXPECT_THAT(Ids(Select(request)), ElementsAre("d"));
  request.Clear();
  request.set_stage(admin::v1::STAGE_QUEUED);
  EXPECT_THAT(Ids(Select(request)), ElementsAre("b"));
}

TEST(SelectSessionsTest, StreamsWithoutASessionComeLastAndHaveAFilter) {
  std::vector<SessionFacts> all = Five();
  for (const uint64_t stream : {12, 9}) {
    all.push_back(Session(""));
    all.back().stream = stream;
    all.back().attached = true;
  }
  ListSessionsRequest request;
  EXPECT_THAT(Ids(*SelectOf(request, all)),
              ElementsAre("a", "b", "c", "d", "e", "@9", "@12"));
  // Each page begins where the one before has ended, also among them.
  request.set_page_size(1);
  std::vector<std::string> ids;
  do {
    const auto page = SelectOf(request, all);
    ids.push_back(Ids(*page)[0]);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d", "e", "@9", "@12"));

  request.Clear();
  request.set_attachment(ListSessionsRequest::ATTACHMENT_ANONYMOUS);
  EXPECT_THAT(Ids(*SelectOf(request, all)), ElementsAre("@9", "@12"));
  request.set_attachment(ListSessionsRequest::ATTACHMENT_ATTACHED);
  EXPECT_THAT(Ids(*SelectOf(request, all)), ElementsAre("c", "e"));
  request.set_attachment(ListSessionsRequest::ATTACHMENT_DETACHED);
  EXPECT_THAT(Ids(*SelectOf(request, all)), ElementsAre("a", "b", "d"));
}

TEST(SelectSessionsTest, PagesTogetherHaveEachOnceInOrder) {
  for (int order = 0; order <= ListSessionsRequest::Order_MAX; ++order) {
    ListSessionsRequest request;
    request.set_order(static_cast<ListSessionsRequest::Order>(order));
    request.set_page_size(2);
    std::vector<std::string> ids;
    std::vector<int> sizes;
    do {
      const ListSessionsResponse page = Select(request);
      EXPECT_EQ(page.matching(), 5U);
      EXPECT_EQ(page.total(), 5U);
      for (const std::string& id : Ids(page)) ids.push_back(id);
      sizes.push_back(page.sessions_size());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(ids, InOrder(request.order()));
    EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  }
}

TEST(SelectSessionsTest, APageBeginsBehindTheLastOneWhateverHasGone) {
  ListSessionsRequest request;
  request.set_page_size(2);
  request.set_page_token(Select(request).next_page_token());
  std::vector<SessionFacts> rest = Five();
  std::erase_if(rest, [](const SessionFacts& s) { return s.id == "b"; });
  const auto page = SelectOf(request, std::move(rest));
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Ids(*page), ElementsAre("c", "d"));
}

TEST(SelectSessionsTest, AnIdMayHoldColons) {
  ListSessionsRequest request;
  request.set_page_size(1);
  auto first = SelectOf(request, {Session("a:1"), Session("a:2")});
  ASSERT_TRUE(first.ok());
  request.set_page_token(first->next_page_token());
  const auto second = SelectOf(request, {Session("a:1"), Session("a:2")});
  ASSERT_TRUE(second.ok());
  EXPECT_THAT(Ids(*second), ElementsAre("a:2"));
}

TEST(SelectSessionsTest, APageHasItsBounds) {
  std::vector<SessionFacts> many;
  for (uint64_t i = 1; i <= kMaxPageSize + 1; ++i) {
    many.push_back(Session(""));
    many.back().stream = i;
  }
  const auto size = [&many](uint32_t asked) {
    ListSessionsRequest request;
    request.set_page_size(asked);
    return SelectOf(request, many)->sessions_size();
  };
  EXPECT_EQ(size(0), 100);
  EXPECT_EQ(size(7), 7);
  EXPECT_EQ(size(10'000), 10'000);
  EXPECT_EQ(size(10'001), 10'000);
}

TEST(SelectSessionsTest, ThereIsNoPageBehindTheLastSession) {
  ListSessionsRequest request;
  request.set_page_size(5);
  EXPECT_EQ(Select(request).next_page_token(), "");
  const auto none = SelectOf(request, {});
  EXPECT_EQ(none->next_page_token(), "");
  EXPECT_EQ(none->total(), 0U);
}

TEST(SelectSessionsTest, APageOfTooManyBytesEndsEarlier) {
  ListSessionsRequest request;
  const ListSessionsResponse all = Select(request);
  const size_t two =
      all.sessions(0).ByteSizeLong() + all.sessions(1).ByteSizeLong();
  EXPECT_THAT(Ids(*SelectOf(request, Five(), two)), ElementsAre("a", "b"));
  EXPECT_THAT(Ids(*SelectOf(request, Five(), two - 1)), ElementsAre("a"));
  // One at least, so that there is a way on.
  std::vector<std::string> ids;
  do {
    const auto page = SelectOf(request, Five(), 1);
    EXPECT_THAT(Ids(*page), SizeIs(1));
    ids.push_back(Ids(*page)[0]);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d", "e"));
}

TEST(SelectSessionsTest, ATokenIsOfItsOrder) {
  ListSessionsRequest request;
  request.set_page_size(2);
  request.set_order(ListSessionsRequest::ORDER_BYTES);
  request.set_page_token(Select(request).next_page_token());
  EXPECT_THAT(Ids(Select(request)), ElementsAre("b", "d"));
  request.set_order(ListSessionsRequest::ORDER_UNREAD);
  EXPECT_TRUE(absl::IsInvalidArgument(SelectOf(request, Five()).status()));
}

TEST(SelectSessionsTest, WhatIsUnknownIsRefused) {
  const auto refused = [](const ListSessionsRequest& request) {
    return absl::IsInvalidArgument(SelectOf(request, Five()).status());
  };
  for (const std::string token :
       {"x", "0", "0:1", "0:0:a", "0:x:0:a", "0:0:x:a", "1:0:0:a", ":::"}) {
    ListSessionsRequest request;
    request.set_page_token(token);
    EXPECT_TRUE(refused(request)) << token;
  }
  ListSessionsRequest request;
  request.set_order(static_cast<ListSessionsRequest::Order>(99));
  EXPECT_TRUE(refused(request));
  request.Clear();
  request.set_stage(static_cast<admin::v1::Stage>(99));
  EXPECT_TRUE(refused(request));
  request.Clear();
  request.set_attachment(static_cast<ListSessionsRequest::Attachment>(99));
  EXPECT_TRUE(refused(request));
}

}  // namespace
}  // namespace msgproc::processor
