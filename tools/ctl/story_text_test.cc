#include "tools/ctl/story_text.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kOpened = 1'700'000'000;

admin::v1::Session SlowReader() {
  admin::v1::Session session;
  session.set_session_id("till-7");
  session.set_handler("echo");
  session.set_peer("ipv4:127.0.0.1:4321");
  session.set_attached(true);
  session.mutable_age()->set_seconds(7200);
  session.mutable_state_age()->set_seconds(90);
  session.mutable_opened_at()->set_seconds(kOpened);
  session.set_streams(1);
  session.set_received_through(10);
  session.set_written_through(10);
  session.set_committed_through(2010);
  session.set_ready_through(2010);
  session.set_dispatched_through(2012);
  session.set_accepted_through(2012);
  session.set_bytes(3 << 20);
  session.set_result_bytes(2 << 20);
  session.set_stage(admin::v1::STAGE_WRITE);
  return session;
}

std::string Story(const admin::v1::Session& session) {
  return SessionStory(session, absl::UTCTimeZone());
}

TEST(StoryTextTest, BeginsWithWhoAndSinceWhen) {
  admin::v1::Session session = SlowReader();
  session.set_forwarded_for("203.0.113.7");
  EXPECT_THAT(Story(session), HasSubstr("session        till-7\n"
                                        "principal      -\n"
                                        "client         -\n"
                                        "peer           ipv4:127.0.0.1:4321\n"
                                        "forwarded for  203.0.113.7\n"
                                        "handler        echo\n"
                                        "kept           in memory\n"));
  EXPECT_THAT(Story(session),
              HasSubstr("opened here    2 h ago (2023-11-14 22:13:20.000 "
                        "+00:00)\n"));
  EXPECT_THAT(Story(session),
              HasSubstr("state          attached for 90 s; its first stream"));
  EXPECT_THAT(Story(session), HasSubstr("acknowledged by the client    10\n"));
}

TEST(StoryTextTest, NamesTheStreamsTrace) {
  EXPECT_THAT(Story(SlowReader()), Not(HasSubstr("trace")));
  admin::v1::Session session = SlowReader();
  session.set_trace_id("0af7651916cd43dd8448eb211c80319c");
  EXPECT_THAT(Story(session),
              HasSubstr("trace        0af7651916cd43dd8448eb211c80319c\n"
                        "handler      echo\n"));
}

TEST(StoryTextTest, TellsResumptionsFromTakeoversAndLosses) {
  admin::v1::Session session = SlowReader();
  session.set_streams(5);
  session.set_resumptions(2);
  session.set_takeovers(1);
  session.set_losses(1);
  EXPECT_THAT(Story(session),
              HasSubstr("; resumed 2 times, taken over once, LOST once\n"));
  // Of a server that only counts streams.
  admin::v1::Session old = SlowReader();
  old.clear_opened_at();
  old.set_streams(3);
  EXPECT_THAT(Story(old), HasSubstr("; 3 streams\n"));
  EXPECT_THAT(Story(old), HasSubstr("opened here  2 h ago\n"));
  // A session that came from another server has resumed with its first stream.
  admin::v1::Session moved = SlowReader();
  moved.set_resumptions(1);
  EXPECT_THAT(Story(moved), HasSubstr("; its first stream, resumed once\n"));
}

TEST(StoryTextTest, SaysWhyStreamsEndedAndWhen) {
  EXPECT_THAT(Story(SlowReader()), Not(HasSubstr("end  ")));
  admin::v1::Session session = SlowReader();
  admin::v1::StreamEnd* const end = session.mutable_last_end();
  end->set_code(14);
  end->set_message("The client does not read.");
  end->mutable_at()->set_seconds(kOpened + 7190);
  *session.mutable_last_error() = *end;
  EXPECT_THAT(Story(session),
              HasSubstr("last stream's end  UNAVAILABLE: The client does not "
                        "read., 10 s ago (2023-11-15 00:13:10.000 +00:00)\n"));
  // Once is enough.
  EXPECT_THAT(Story(session), Not(HasSubstr("last error")));
  end->set_code(0);
  end->set_message("drain");
  end->mutable_at()->set_seconds(kOpened + 7195);
  EXPECT_THAT(Story(session), HasSubstr("last stream's end  OK: drain, 5.0 s"));
  EXPECT_THAT(Story(session), HasSubstr("last error         UNAVAILABLE: "));
}

TEST(StoryTextTest, SaysWhatTheHandlerFailed) {
  admin::v1::Session session = SlowReader();
  admin::v1::Failures* const failures = session.mutable_failures();
  failures->set_count(3);
  EXPECT_THAT(Story(session), HasSubstr("failed by its handler  3 messages\n"));
  failures->set_sequence(12);
  failures->set_code(3);
  failures->set_message("no such till");
  failures->mutable_at()->set_seconds(kOpened + 7190);
  EXPECT_THAT(Story(session),
              HasSubstr("3 messages, the last was message 12: "
                        "INVALID_ARGUMENT: no such till, 10 s ago ("));
}

TEST(StoryTextTest, NamesTheOldestMessageAndWhereItIs) {
  admin::v1::Session session = SlowReader();
  const auto at = [&](admin::v1::Stage stage) {
    session.set_stage(stage);
    return Story(session);
  };
  EXPECT_THAT(at(admin::v1::STAGE_WRITE),
              HasSubstr("Message 11 is the oldest that the client has not "
                        "acknowledged: its result waits for the client to "
                        "read.\n"));
  session.set_attached(false);
  EXPECT_THAT(at(admin::v1::STAGE_WRITE),
              HasSubstr("waits for the client to come back.\n"));
  EXPECT_THAT(at(admin::v1::STAGE_QUEUED),
              HasSubstr(": it waits for the handler.\n"));
  EXPECT_THAT(at(admin::v1::STAGE_HANDLER),
              HasSubstr(": the handler has it.\n"));
  session.mutable_unanswered()->set_worker_pid(4711);
  EXPECT_THAT(at(admin::v1::STAGE_HANDLER),
              HasSubstr(": the worker with process id 4711 has it.\n"));
  EXPECT_THAT(at(admin::v1::STAGE_COMMIT),
              HasSubstr(": its result waits for the store.\n"));
  EXPECT_THAT(at(admin::v1::STAGE_ACKNOWLEDGEMENT),
              HasSubstr(": its result was written, and the client has not said "
                        "that it has it.\n"));
  EXPECT_THAT(at(admin::v1::STAGE_UNSPECIFIED),
              HasSubstr("\nThe client has everything.\n"));
}

TEST(StoryTextTest, TheOldestWithoutAResultMayBeAnother) {
  admin::v1::Session session = SlowReader();
  session.mutable_oldest_unanswered()->set_nanos(1'500'000);
  EXPECT_THAT(Story(session),
              HasSubstr("\nThe oldest without a result was accepted 2 ms "
                        "ago.\n"));
  admin::v1::Unanswered* const oldest = session.mutable_unanswered();
  oldest->set_sequence(2011);
  oldest->set_stage(admin::v1::STAGE_QUEUED);
  const std::string said =
      "\nMessage 2011, the oldest without a result, was accepted 2 ms ago and ";
  EXPECT_THAT(Story(session), HasSubstr(said + "waits for the handler.\n"));
  oldest->set_stage(admin::v1::STAGE_HANDLER);
  EXPECT_THAT(Story(session), HasSubstr(said + "is with the handler.\n"));
  oldest->set_worker_pid(4711);
  EXPECT_THAT(Story(session),
              HasSubstr(said + "is with the worker with process id 4711.\n"));
}

TEST(StoryTextTest, AStreamWithoutASessionHasAStoryToo) {
  admin::v1::Session session = SlowReader();
  session.clear_session_id();
  session.set_stream(17);
  const std::string story = Story(session);
  EXPECT_THAT(story, HasSubstr("stream without a session  @17\n"));
  EXPECT_THAT(story, HasSubstr("oldest whose result was not written: its "));
  for (const char* said : {"acknowledged", "committed", "kept", "state"}) {
    EXPECT_THAT(story, Not(HasSubstr(said)));
  }
  session.clear_stage();
  EXPECT_THAT(Story(session), HasSubstr("\nAll results were written.\n"));
}

TEST(StoryTextTest, ATerminalIsTheOperatorsAlone) {
  admin::v1::Session session = SlowReader();
  session.mutable_last_end()->set_message("\x1b[2J");
  session.set_forwarded_for("\x1b[2J");
  session.mutable_failures()->mutable_at()->set_seconds(kOpened);
  session.mutable_failures()->set_message("\x1b[2J");
  EXPECT_THAT(Story(session), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace msgproc::ctl
