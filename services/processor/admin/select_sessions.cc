#include "services/processor/admin/select_sessions.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/admin/session_message.h"

namespace msgproc::processor {
namespace {

using admin::v1::ListSessionsRequest;

// Where a session stands: larger values first, then by id.
struct Place {
  uint64_t value = 0;
  absl::string_view id;

  bool operator<(const Place& other) const {
    return value != other.value ? value > other.value : id < other.id;
  }
};

uint64_t ValueOf(ListSessionsRequest::Order order, const SessionFacts& facts) {
  switch (order) {
    case ListSessionsRequest::ORDER_UNREAD:
      return facts.unread();
    case ListSessionsRequest::ORDER_BYTES:
      return facts.bytes;
    case ListSessionsRequest::ORDER_WAITING:
      // One that has waited for no time at all still waits.
      return facts.oldest_accepted_at.has_value()
                 ? static_cast<uint64_t>(absl::ToInt64Microseconds(
                       facts.now - *facts.oldest_accepted_at)) +
                       1
                 : 0;
    case ListSessionsRequest::ORDER_MESSAGES:
      return facts.accepted_through;
    default:
      return 0;
  }
}

bool Passes(const ListSessionsRequest& request, const SessionFacts& facts) {
  const auto attachment = request.attachment();
  if (attachment != ListSessionsRequest::ATTACHMENT_UNSPECIFIED &&
      facts.attached !=
          (attachment == ListSessionsRequest::ATTACHMENT_ATTACHED)) {
    return false;
  }
  return (request.principal().empty() ||
          request.principal() == facts.principal) &&
         (request.handler().empty() || request.handler() == facts.handler) &&
         absl::StartsWith(facts.id, request.session_id_prefix()) &&
         (request.stage() == admin::v1::STAGE_UNSPECIFIED ||
          request.stage() == StageMessage(StageOf(facts)));
}

std::string TokenOf(ListSessionsRequest::Order order, const Place& place) {
  return absl::StrCat(static_cast<int>(order), ":", place.value, ":", place.id);
}

// The place is a view into `token`.
absl::StatusOr<Place> ReadToken(ListSessionsRequest::Order order,
                                absl::string_view token) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(token, absl::MaxSplits(':', 2));
  Place place;
  if (parts.size() != 3 || parts[0] != absl::StrCat(static_cast<int>(order)) ||
      !absl::SimpleAtoi(parts[1], &place.value)) {
    return absl::InvalidArgumentError(
        "page_token is not one of a page in this order.");
  }
  place.id = parts[2];
  return place;
}

}  // namespace

absl::StatusOr<SessionPage> SelectSessions(const ListSessionsRequest& request,
                                           std::vector<SessionFacts> all) {
  const ListSessionsRequest::Order order = request.order();
  if (!ListSessionsRequest::Order_IsValid(order) ||
      !ListSessionsRequest::Attachment_IsValid(request.attachment()) ||
      !admin::v1::Stage_IsValid(request.stage())) {
    return absl::InvalidArgumentError(
        "order, attachment or stage is none that this server knows.");
  }
  SessionPage page;
  std::vector<std::pair<Place, SessionFacts*>> rest;
  Place behind;
  if (!request.page_token().empty()) {
    absl::StatusOr<Place> read = ReadToken(order, request.page_token());
    if (!read.ok()) return read.status();
    behind = *read;
  }
  for (SessionFacts& facts : all) {
    if (!Passes(request, facts)) continue;
    ++page.matching;
    const Place place = {ValueOf(order, facts), facts.id};
    if (request.page_token().empty() || behind < place) {
      rest.emplace_back(place, &facts);
    }
  }
  const uint32_t asked =
      request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  const size_t size =
      std::min<size_t>(rest.size(), std::min(asked, kMaxPageSize));
  std::partial_sort(
      rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size),
      rest.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  if (size < rest.size()) {
    page.next_page_token = TokenOf(order, rest[size - 1].first);
  }
  page.sessions.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    page.sessions.push_back(std::move(*rest[i].second));
  }
  return page;
}

}  // namespace msgproc::processor
