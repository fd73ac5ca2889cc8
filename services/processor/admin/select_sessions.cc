#include "services/processor/admin/select_sessions.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/page_size.h"
#include "services/processor/admin/session_message.h"

namespace msgproc::processor {
namespace {

using admin::v1::ListSessionsRequest;

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

bool HasAttachment(ListSessionsRequest::Attachment attachment,
                   const SessionFacts& facts) {
  switch (attachment) {
    case ListSessionsRequest::ATTACHMENT_ATTACHED:
      return facts.stream == 0 && facts.attached;
    case ListSessionsRequest::ATTACHMENT_DETACHED:
      return facts.stream == 0 && !facts.attached;
    case ListSessionsRequest::ATTACHMENT_ANONYMOUS:
      return facts.stream != 0;
    default:
      return true;
  }
}

}  // namespace

bool SelectSessions::Place::operator<(const Place& other) const {
  return std::tie(other.value, stream, id) <
         std::tie(value, other.stream, other.id);
}

SelectSessions::SelectSessions(const ListSessionsRequest& request)
    : request_(request),
      size_(base::PageSize(request.page_size(), kDefaultPageSize,
                           kMaxPageSize)) {}

absl::StatusOr<SelectSessions> SelectSessions::For(
    const ListSessionsRequest& request) {
  if (!ListSessionsRequest::Order_IsValid(request.order()) ||
      !ListSessionsRequest::Attachment_IsValid(request.attachment()) ||
      !admin::v1::Stage_IsValid(request.stage())) {
    return absl::InvalidArgumentError(
        "order, attachment or stage is none that this server knows.");
  }
  SelectSessions select(request);
  if (!request.page_token().empty()) {
    if (absl::Status read = select.ReadToken(); !read.ok()) return read;
  }
  return select;
}

std::string SelectSessions::TokenOf(const Place& place) const {
  return absl::StrCat(static_cast<int>(request_.order()), ":", place.value, ":",
                      place.stream, ":", place.id);
}

absl::Status SelectSessions::ReadToken() {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(request_.page_token(), absl::MaxSplits(':', 3));
  Place place;
  if (parts.size() != 4 ||
      parts[0] != absl::StrCat(static_cast<int>(request_.order())) ||
      !absl::SimpleAtoi(parts[1], &place.value) ||
      !absl::SimpleAtoi(parts[2], &place.stream)) {
    return absl::InvalidArgumentError(
        "page_token is not one of a page in this order.");
  }
  behind_ = place;
  behind_id_ = std::string(parts[3]);
  return absl::OkStatus();
}

bool SelectSessions::Passes(const SessionFacts& facts) const {
  return HasAttachment(request_.attachment(), facts) &&
         (request_.principal().empty() ||
          request_.principal() == facts.principal) &&
         (request_.handler().empty() || request_.handler() == facts.handler) &&
         absl::StartsWith(facts.id, request_.session_id_prefix()) &&
         (request_.stage() == admin::v1::STAGE_UNSPECIFIED ||
          request_.stage() == StageMessage(StageOf(facts)));
}

void SelectSessions::Offer(SessionFacts&& facts) {
  ++total_;
  if (!Passes(facts)) return;
  ++matching_;
  Candidate candidate = {{.value = ValueOf(request_.order(), facts),
                          .stream = facts.stream,
                          .id = facts.id},
                         kept_.size()};
  if (behind_) {
    Place behind = *behind_;
    behind.id = behind_id_;
    if (!(behind < candidate.place)) return;
  }
  ++left_;
  if (first_.size() < size_) {
    kept_.push_back(std::move(facts));
  } else {
    if (!ComesFirst(candidate, first_.front())) return;
    std::pop_heap(first_.begin(), first_.end(), ComesFirst);
    candidate.facts = first_.back().facts;
    first_.pop_back();
    kept_[candidate.facts] = std::move(facts);
  }
  first_.push_back(candidate);
  std::push_heap(first_.begin(), first_.end(), ComesFirst);
}

admin::v1::ListSessionsResponse SelectSessions::Page(absl::Time now,
                                                     size_t max_bytes) {
  admin::v1::ListSessionsResponse page;
  page.set_total(total_);
  page.set_matching(matching_);
  std::sort(first_.begin(), first_.end(), ComesFirst);
  size_t bytes = 0;
  for (const Candidate& candidate : first_) {
    admin::v1::Session* const session = page.add_sessions();
    WriteSession(kept_[candidate.facts], now, session);
    bytes += session->ByteSizeLong();
    if (page.sessions_size() > 1 && bytes > max_bytes) {
      page.mutable_sessions()->RemoveLast();
      break;
    }
  }
  const auto sessions = static_cast<size_t>(page.sessions_size());
  if (sessions < left_) {
    page.set_next_page_token(TokenOf(first_[sessions - 1].place));
  }
  return page;
}

}  // namespace msgproc::processor
