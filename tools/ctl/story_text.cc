#include "tools/ctl/story_text.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/ctl/text.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {
namespace {

using admin::v1::Session;
using Lines = std::vector<std::vector<std::string>>;

std::string Times(uint64_t n, absl::string_view what) {
  return n == 1 ? absl::StrCat(what, " once")
                : absl::StrCat(what, " ", n, " times");
}

// Dates as the server sees them, and how long ago that was.
class Dates {
 public:
  Dates(const Session& session, absl::TimeZone zone)
      : now_(wire::FromProto(session.opened_at()) +
             wire::FromProto(session.age())),
        zone_(zone) {}

  std::string Of(const google::protobuf::Timestamp& at) const {
    return absl::FormatTime("%Y-%m-%d %H:%M:%E3S %Ez", wire::FromProto(at),
                            zone_);
  }
  std::string Ago(const google::protobuf::Timestamp& at) const {
    return absl::StrCat(Length(now_ - wire::FromProto(at)), " ago (", Of(at),
                        ")");
  }

 private:
  const absl::Time now_;
  const absl::TimeZone zone_;
};

std::string StreamsText(const Session& session) {
  std::vector<std::string> parts;
  if (session.streams() <= 1) parts.emplace_back("its first stream");
  if (session.resumptions() > 0) {
    parts.push_back(Times(session.resumptions(), "resumed"));
  }
  if (session.takeovers() > 0) {
    parts.push_back(Times(session.takeovers(), "taken over"));
  }
  if (session.losses() > 0) parts.push_back(Times(session.losses(), "LOST"));
  if (parts.empty())
    parts.push_back(absl::StrCat(session.streams(), " streams"));
  return absl::StrJoin(parts, ", ");
}

void AddTroubles(const Session& session, const Dates& dates, Lines* lines) {
  const auto add = [&](const char* what, const admin::v1::StreamEnd& end) {
    lines->push_back({what, absl::StrCat(StatusText(end.code(), end.message()),
                                         ", ", dates.Ago(end.at()))});
  };
  if (session.has_last_end()) add("last stream's end", session.last_end());
  const bool same = session.last_error().at().SerializeAsString() ==
                        session.last_end().at().SerializeAsString() &&
                    session.last_error().code() == session.last_end().code();
  if (session.has_last_error() && !same) {
    add("last error", session.last_error());
  }
  if (!session.has_failures()) return;
  const admin::v1::Failures& failures = session.failures();
  std::string text = absl::StrCat(
      failures.count(), failures.count() == 1 ? " message" : " messages");
  if (failures.has_at()) {
    absl::StrAppend(&text, ", the last was message ", failures.sequence(), ": ",
                    StatusText(failures.code(), failures.message()), ", ",
                    dates.Ago(failures.at()));
  }
  lines->push_back({"failed by its handler", text});
}

Lines FactLines(const Session& session, const Dates& dates) {
  const bool anonymous = session.stream() != 0;
  Lines lines = {{anonymous ? "stream without a session" : "session",
                  SessionName(session)},
                 {"principal", OrDash(session.principal())},
                 {"client", OrDash(session.client_name())},
                 {"peer", OrDash(session.peer())}};
  if (!session.forwarded_for().empty()) {
    lines.push_back({"forwarded for", Shown(session.forwarded_for())});
  }
  if (!session.trace_id().empty()) {
    lines.push_back({"trace", Shown(session.trace_id())});
  }
  lines.push_back({"handler", Shown(session.handler())});
  if (!anonymous) {
    lines.push_back({"kept", session.stored() ? "in the store" : "in memory"});
  }
  const std::string age = Length(wire::FromProto(session.age()));
  lines.push_back({"opened here", session.has_opened_at()
                                      ? dates.Ago(session.opened_at())
                                      : absl::StrCat(age, " ago")});
  if (!anonymous) {
    lines.push_back(
        {"state",
         absl::StrCat(session.attached() ? "attached" : "detached", " for ",
                      Length(wire::FromProto(session.state_age())), "; ",
                      StreamsText(session))});
  }
  AddTroubles(session, dates, &lines);
  lines.push_back(
      {"memory", absl::StrCat(Bytes(session.bytes()), ", of which results ",
                              Bytes(session.result_bytes()))});
  return lines;
}

std::string Watermarks(const Session& session) {
  const auto number = [](uint64_t n) { return absl::StrCat(n); };
  Lines lines = {
      {"accepted through", number(session.accepted_through())},
      {"given to the handler", number(session.dispatched_through())},
      {"answered", number(session.ready_through())},
      {"committed", number(session.committed_through())},
      {"written", number(session.written_through())},
      {"acknowledged by the client", number(session.received_through())}};
  // Nobody commits or acknowledges anything there.
  if (session.stream() != 0) {
    lines.pop_back();
    lines.erase(lines.begin() + 3);
  }
  return Table(lines, {1});
}

// Where a message is that has a result, or might.
std::string Place(const Session& session) {
  switch (session.stage()) {
    case admin::v1::STAGE_QUEUED:
      return "it waits for the handler";
    case admin::v1::STAGE_HANDLER:
      return session.unanswered().worker_pid() > 0
                 ? absl::StrCat("the worker with process id ",
                                session.unanswered().worker_pid(), " has it")
                 : "the handler has it";
    case admin::v1::STAGE_COMMIT:
      return "its result waits for the store";
    case admin::v1::STAGE_WRITE:
      return session.attached()
                 ? "its result waits for the client to read"
                 : "its result waits for the client to come back";
    default:
      return "its result was written, and the client has not said that it has "
             "it";
  }
}

std::string Unanswered(const Session& session) {
  if (!session.has_oldest_unanswered()) return "";
  const std::string ago = Length(wire::FromProto(session.oldest_unanswered()));
  if (!session.has_unanswered()) {
    return absl::StrCat("The oldest without a result was accepted ", ago,
                        " ago.\n");
  }
  const admin::v1::Unanswered& oldest = session.unanswered();
  std::string where = "waits for the handler";
  if (oldest.stage() == admin::v1::STAGE_HANDLER) {
    where = oldest.worker_pid() > 0
                ? absl::StrCat("is with the worker with process id ",
                               oldest.worker_pid())
                : "is with the handler";
  }
  return absl::StrCat("Message ", oldest.sequence(),
                      ", the oldest without a result, was accepted ", ago,
                      " ago and ", where, ".\n");
}

}  // namespace

std::string SessionStory(const Session& session, absl::TimeZone zone) {
  std::string story =
      absl::StrCat(Table(FactLines(session, Dates(session, zone)), {}), "\n",
                   Watermarks(session), "\n");
  const bool anonymous = session.stream() != 0;
  if (session.stage() == admin::v1::STAGE_UNSPECIFIED) {
    return absl::StrCat(story, anonymous ? "All results were written.\n"
                                         : "The client has everything.\n");
  }
  absl::StrAppend(&story, "Message ", session.received_through() + 1,
                  " is the oldest ",
                  anonymous ? "whose result was not written: "
                            : "that the client has not acknowledged: ",
                  Place(session), ".\n", Unanswered(session));
  return story;
}

}  // namespace msgproc::ctl
