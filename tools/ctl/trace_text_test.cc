#include "tools/ctl/trace_text.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {
namespace {

using admin::v1::TraceEvent;
using admin::v1::TraceSessionResponse;
using testing::HasSubstr;
using testing::Not;

class TraceTextTest : public testing::Test {
 protected:
  static TraceEvent* Add(TraceSessionResponse* page, TraceEvent::Kind kind,
                         absl::Duration at, uint64_t first, uint64_t through) {
    TraceEvent* const event = page->add_events();
    event->set_kind(kind);
    *event->mutable_at() = wire::ToProto(absl::UnixEpoch() + at);
    event->set_first(first);
    event->set_through(through);
    return event;
  }
  static TraceSessionResponse Page(uint64_t trace) {
    TraceSessionResponse page;
    page.set_trace(trace);
    return page;
  }

  TraceText people_{TraceText::Form::kPeople, absl::UTCTimeZone()};
  TraceText json_{TraceText::Form::kJson, absl::UTCTimeZone()};
};

TEST_F(TraceTextTest, AnEventIsALine) {
  TraceSessionResponse page = Page(1);
  Add(&page, TraceEvent::KIND_TAKEN_OVER, absl::Seconds(3600), 0, 12);
  Add(&page, TraceEvent::KIND_ACCEPTED, absl::Seconds(3601), 13, 15);
  TraceEvent* event = Add(&page, TraceEvent::KIND_HANDLED,
                          absl::Milliseconds(3601'002), 13, 15);
  event->set_failed(2);
  event->set_code(5);
  event->set_message("no such till\x1b[2J");
  EXPECT_EQ(
      people_.Of(page),
      "TIME             EVENT         MESSAGES         AFTER\n"
      "01:00:00.000000  taken over    through 12       -\n"
      "01:00:01.000000  accepted      13-15            +1.0 s\n"
      "01:00:01.002000  handled       13-15            +2 ms  2 failed, the "
      "last: NOT_FOUND: no such till\\x1b[2J\n");
}

TEST_F(TraceTextTest, TheNextAnswerGoesOn) {
  TraceSessionResponse page = Page(1);
  Add(&page, TraceEvent::KIND_LOST, absl::ZeroDuration(), 0, 7)
      ->set_message("results are gone");
  people_.Of(page);
  page.clear_events();
  EXPECT_EQ(people_.Of(page), "");
  Add(&page, TraceEvent::KIND_WRITTEN, absl::Milliseconds(5), 8, 8);
  TraceEvent* event =
      Add(&page, TraceEvent::KIND_STREAM_ENDED, absl::Milliseconds(6), 0, 0);
  event->set_code(14);
  event->set_message("The client is silent.");
  EXPECT_EQ(people_.Of(page),
            "00:00:00.005000  written       8                +5 ms\n"
            "00:00:00.006000  stream ended  -                +1 ms  "
            "UNAVAILABLE: The client is silent.\n");
}

TEST_F(TraceTextTest, WhatIsNotKnownIsSaid) {
  people_.Of(Page(1));
  TraceSessionResponse page = Page(1);
  page.set_dropped(12);
  std::string text = people_.Of(page);
  EXPECT_THAT(text, HasSubstr("12 events came too fast"));
  EXPECT_THAT(text, Not(HasSubstr("interrupted")));
  text = people_.Of(Page(2));
  EXPECT_THAT(text, HasSubstr("the trace was interrupted"));
  EXPECT_THAT(text, Not(HasSubstr("too fast")));
  page = Page(2);
  page.set_gone(true);
  EXPECT_EQ(people_.Of(page),
            "the server does not hold the session any more\n");
}

TEST_F(TraceTextTest, AWhyIsSaidAndALaterReleasesEventNumbered) {
  TraceSessionResponse page = Page(1);
  Add(&page, TraceEvent::KIND_LOST, absl::ZeroDuration(), 0, 7)
      ->set_message("results are gone");
  Add(&page, static_cast<TraceEvent::Kind>(99), absl::ZeroDuration(), 0, 0);
  const std::string text = people_.Of(page);
  EXPECT_THAT(text, HasSubstr("lost          through 7        -  results are "
                              "gone\n"));
  EXPECT_THAT(text, HasSubstr("event 99      -                +0 µs\n"));
}

TEST_F(TraceTextTest, ScriptsGetAnObjectALine) {
  TraceSessionResponse page = Page(1);
  page.set_dropped(1);
  Add(&page, TraceEvent::KIND_ACCEPTED, absl::ZeroDuration(), 1, 2);
  EXPECT_EQ(json_.Of(page),
            "{\"dropped\":\"1\"}\n"
            "{\"kind\":\"KIND_ACCEPTED\","
            "\"first\":\"1\",\"through\":\"2\",\"failed\":\"0\",\"code\":0,"
            "\"message\":\"\",\"at\":\"1970-01-01T00:00:00Z\"}\n");
  page = Page(2);
  page.set_gone(true);
  EXPECT_EQ(json_.Of(page), "{\"interrupted\":true}\n{\"gone\":true}\n");
}

}  // namespace
}  // namespace msgproc::ctl
