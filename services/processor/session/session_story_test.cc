#include "services/processor/session/session_story.h"

#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/processor/session/session.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();
const absl::Time kLater = kStart + absl::Seconds(1);
constexpr int kAborted = 10;
constexpr int kUnavailable = 14;

TEST(SessionStoryTest, TellsTakeoversFromResumptionsAndLosses) {
  SessionStory story{.begun = kStart, .changed = kStart};
  story.OnAttached(kLater, false, Session::State::kNew);
  EXPECT_EQ(story.streams, 1U);
  EXPECT_EQ(story.changed, kLater);
  EXPECT_EQ(story.begun, kStart);
  EXPECT_EQ(story.takeovers + story.resumptions + story.losses, 0U);
  EXPECT_EQ(story.troubles, nullptr);

  story.OnAttached(kLater, false, Session::State::kResumed);
  story.OnAttached(kLater, false, Session::State::kResumed);
  EXPECT_EQ(story.resumptions, 2U);
  EXPECT_EQ(story.takeovers, 0U);
  story.OnAttached(kLater, false, Session::State::kLost);
  EXPECT_EQ(story.losses, 1U);
  EXPECT_EQ(story.resumptions, 2U);

  // What is taken over is resumed as well, and counts once.
  story.OnAttached(kLater, true, Session::State::kResumed);
  EXPECT_EQ(story.takeovers, 1U);
  EXPECT_EQ(story.resumptions, 2U);
  EXPECT_EQ(story.streams, 5U);
  ASSERT_NE(story.troubles, nullptr);
  EXPECT_EQ(story.troubles->last_error->code, kAborted);
  EXPECT_EQ(story.troubles->last_error->text,
            "Another stream took the session over.");
}

TEST(SessionStoryTest, AnEndThatIsOkDoesNotHideAnError) {
  SessionStory story;
  story.OnStreamEnded(kStart, kUnavailable, "The client does not read.");
  EXPECT_EQ(story.troubles->last_end->code, kUnavailable);
  story.OnStreamEnded(kLater, 0, "goodbye");
  EXPECT_EQ(story.troubles->last_end->code, 0);
  EXPECT_EQ(story.troubles->last_end->text, "goodbye");
  EXPECT_EQ(story.troubles->last_end->at, kLater);
  EXPECT_EQ(story.troubles->last_error->code, kUnavailable);
  EXPECT_EQ(story.troubles->last_error->text, "The client does not read.");
  EXPECT_EQ(story.troubles->last_error->at, kStart);
}

TEST(SessionStoryTest, TheLastFailureIsThatOfTheLastMessageThatFailed) {
  SessionStory story;
  wire::EntryLog results;
  wire::AppendError(&results, 7, 3, "no such till", false);
  wire::AppendError(&results, 8, 13, "till is on fire", true);
  wire::AppendResult(&results, 9, "fine");
  story.OnFailures(kStart, 2, results);
  EXPECT_EQ(story.troubles->failed, 2U);
  ASSERT_TRUE(story.troubles->last_failure.has_value());
  EXPECT_EQ(story.troubles->last_failure->sequence, 8U);
  EXPECT_EQ(story.troubles->last_failure->code, 13);
  EXPECT_EQ(story.troubles->last_failure->text, "till is on fire");
  EXPECT_EQ(story.troubles->last_failure->at, kStart);
  EXPECT_FALSE(story.troubles->last_end.has_value());

  // Counted though its text cannot be read.
  wire::EntryLog unreadable;
  wire::AppendResult(&unreadable, 10, "fine");
  story.OnFailures(kLater, 3, unreadable);
  EXPECT_EQ(story.troubles->failed, 5U);
  EXPECT_EQ(story.troubles->last_failure->sequence, 8U);
}

TEST(SessionStoryTest, ACopyStaysAsItIs) {
  SessionStory story;
  story.OnStreamEnded(kStart, kUnavailable, "first");
  const SessionStory copy = story;
  story.OnStreamEnded(kLater, kUnavailable, "second");
  EXPECT_EQ(copy.troubles->last_end->text, "first");
  EXPECT_EQ(story.troubles->last_end->text, "second");
}

TEST(SessionStoryTest, TextsAreBounded) {
  SessionStory story;
  const std::string text(SessionStory::kMaxText + 1, 'x');
  story.OnStreamEnded(kStart, kUnavailable, text);
  EXPECT_EQ(story.troubles->last_end->text.size(), SessionStory::kMaxText);
  wire::EntryLog results;
  wire::AppendError(&results, 1, 3, text, false);
  story.OnFailures(kStart, 1, results);
  EXPECT_EQ(story.troubles->last_failure->text.size(), SessionStory::kMaxText);
}

}  // namespace
}  // namespace msgproc::processor
