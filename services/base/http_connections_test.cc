#include "services/base/http_connections.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kStart = absl::UnixEpoch();

absl::Time At(int seconds) { return kStart + absl::Seconds(seconds); }

HttpConnections::Limits Limits(size_t total, size_t per_source) {
  return {.total = total,
          .per_source = per_source,
          .request_timeout = absl::Seconds(10)};
}

// Admitted, and taken over by the library.
void Open(HttpConnections* connections, int fd, const std::string& source,
          absl::Time now) {
  ASSERT_TRUE(connections->Admit(fd, source, now).admitted);
  connections->Begin(fd, now);
}

TEST(HttpConnectionsTest, TheWholeRequestHasADeadlineHoweverBusilyItTrickles) {
  HttpConnections connections(Limits(4, 4));
  EXPECT_EQ(connections.NextDeadline(), absl::InfiniteFuture());
  Open(&connections, 1, "a", At(0));
  Open(&connections, 2, "a", At(3));
  EXPECT_EQ(connections.NextDeadline(), At(10));
  EXPECT_THAT(connections.TakeOverdue(At(9)), IsEmpty());
  EXPECT_THAT(connections.TakeOverdue(At(10)), ElementsAre(1));
  // Once each; it is closing.
  EXPECT_THAT(connections.TakeOverdue(At(12)), IsEmpty());
  EXPECT_EQ(connections.NextDeadline(), At(13));
}

TEST(HttpConnectionsTest, TheDeadlineBeginsAnewWithTheAnswerAndAfterIt) {
  HttpConnections connections(Limits(4, 4));
  Open(&connections, 1, "a", At(0));
  connections.HandlerBegan(1, At(9));
  // A handler's time is not the client's.
  EXPECT_EQ(connections.NextDeadline(), absl::InfiniteFuture());
  connections.HandlerEnded(1, At(12));
  EXPECT_EQ(connections.NextDeadline(), At(22));
  connections.RequestEnded(1, At(15));
  EXPECT_EQ(connections.NextDeadline(), At(25));
  connections.Remove(1);
  EXPECT_EQ(connections.NextDeadline(), absl::InfiniteFuture());
}

TEST(HttpConnectionsTest, ANewcomerTakesThePlaceOfWhoWaitedLongest) {
  HttpConnections connections(Limits(3, 0));
  Open(&connections, 1, "a", At(0));
  Open(&connections, 2, "b", At(1));
  Open(&connections, 3, "c", At(2));
  connections.HandlerBegan(1, At(3));
  const auto admission = connections.Admit(4, "d", At(4));
  EXPECT_TRUE(admission.admitted);
  EXPECT_EQ(admission.evicted, 2);
  // Its place is taken, whether or not its end was noticed yet.
  EXPECT_EQ(connections.Admit(5, "d", At(4)).evicted, 3);
}

TEST(HttpConnectionsTest, WhoDoesNotReadItsAnswerGoesWhenNobodyElseWaits) {
  HttpConnections connections(Limits(2, 0));
  Open(&connections, 1, "a", At(0));
  Open(&connections, 2, "b", At(0));
  for (const int fd : {1, 2}) connections.HandlerBegan(fd, At(1));
  connections.HandlerEnded(2, At(2));
  EXPECT_EQ(connections.Admit(3, "c", At(3)).evicted, 2);
}

TEST(HttpConnectionsTest, HandlersAndQueuedConnectionsAreNotDisturbed) {
  HttpConnections connections(Limits(2, 0));
  Open(&connections, 1, "a", At(0));
  connections.HandlerBegan(1, At(0));
  ASSERT_TRUE(connections.Admit(2, "b", At(1)).admitted);
  const auto admission = connections.Admit(3, "c", At(2));
  EXPECT_FALSE(admission.admitted);
  EXPECT_FALSE(admission.evicted.has_value());
  connections.Remove(1);
  EXPECT_TRUE(connections.Admit(3, "c", At(2)).admitted);
}

TEST(HttpConnectionsTest, ASourceMakesRoomAmongItsOwn) {
  HttpConnections connections(Limits(10, 2));
  Open(&connections, 1, "other", At(0));
  Open(&connections, 2, "greedy", At(1));
  Open(&connections, 3, "greedy", At(2));
  EXPECT_EQ(connections.Admit(4, "greedy", At(3)).evicted, 2);
  EXPECT_FALSE(connections.Admit(5, "third", At(3)).evicted.has_value());
  // A Unix socket's clients have no address to be told apart by.
  for (const int fd : {6, 7, 8}) {
    EXPECT_FALSE(connections.Admit(fd, "", At(3)).evicted.has_value());
  }
}

}  // namespace
}  // namespace msgproc::base
