#include "services/etcd/list_watch.h"

#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/etcd/registry_url.h"

namespace msgproc::etcd {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

ListState::Stamp StampOf(const etcdserverpb::ResponseHeader& header) {
  return {.cluster_id = header.cluster_id(), .revision = header.revision()};
}

}  // namespace

ListWatch::ListWatch(const ListState::Options& options, std::string folder,
                     Client* client, OnItems on_items)
    : folder_(std::move(folder)),
      client_(client),
      on_items_(std::move(on_items)),
      state_(options) {
  MSGPROC_CHECK(on_items_ != nullptr);
}

ListWatch::~ListWatch() { DropWatch(); }

void ListWatch::DropWatch() {
  if (watch_ != nullptr) watch_->Drop();
  watch_ = nullptr;
}

absl::Time ListWatch::Step() {
  const ListState::Actions actions = state_.Next(Now());
  if (actions.drop_watch) DropWatch();
  switch (actions.request) {
    case ListState::Request::kNone:
      break;
    case ListState::Request::kList:
      List(/*serializable=*/false);
      break;
    case ListState::Request::kListSerializable:
      List(/*serializable=*/true);
      break;
    case ListState::Request::kWatch:
      Watch(actions.from_revision);
      break;
    case ListState::Request::kProbe:
      Probe();
      break;
  }
  return actions.wake;
}

ListState::Item ListWatch::ItemOf(const etcdserverpb::KeyValue& kv) const {
  return {.key = kv.key().substr(folder_.size()),
          .value = kv.value(),
          .revision = kv.mod_revision()};
}

void ListWatch::List(bool serializable) {
  etcdserverpb::RangeRequest request;
  request.set_key(folder_);
  request.set_range_end(EndOfPrefix(folder_));
  request.set_serializable(serializable);
  client_->Range(request, [this](const grpc::Status& status,
                                 const etcdserverpb::RangeResponse& answer) {
    if (!status.ok()) {
      trouble_ = status.error_message();
      return state_.OnListFailed(Now(), random_);
    }
    std::vector<ListState::Item> items;
    items.reserve(answer.kvs_size());
    for (const etcdserverpb::KeyValue& kv : answer.kvs()) {
      items.push_back(ItemOf(kv));
    }
    on_items_(
        state_.OnListed(Now(), StampOf(answer.header()), std::move(items)));
  });
}

void ListWatch::Probe() {
  etcdserverpb::RangeRequest request;
  request.set_key(folder_);
  request.set_count_only(true);
  client_->Range(request, [this](const grpc::Status& status,
                                 const etcdserverpb::RangeResponse& answer) {
    if (status.ok()) return state_.OnProbed(Now(), StampOf(answer.header()));
    trouble_ = status.error_message();
    state_.OnProbeFailed(Now(), random_);
  });
}

void ListWatch::Watch(int64_t from_revision) {
  MSGPROC_CHECK(watch_ == nullptr);
  etcdserverpb::WatchCreateRequest request;
  request.set_key(folder_);
  request.set_range_end(EndOfPrefix(folder_));
  request.set_start_revision(from_revision);
  watch_ = client_->Watch(
      request,
      [this](const etcdserverpb::WatchResponse& response) {
        OnResponse(response);
      },
      [this](const grpc::Status& status) {
        watch_ = nullptr;
        trouble_ = status.error_message();
        state_.OnWatchEnded(Now(), /*compacted=*/false, random_);
      });
}

void ListWatch::OnResponse(const etcdserverpb::WatchResponse& response) {
  if (response.canceled()) {
    DropWatch();
    trouble_ = response.cancel_reason();
    if (response.compact_revision() == 0) client_->ForgetToken();
    return state_.OnWatchEnded(Now(), response.compact_revision() != 0,
                               random_);
  }
  if (response.created()) state_.OnWatchCreated(Now());
  if (response.events().empty()) return;
  std::vector<ListState::Item> events;
  events.reserve(response.events_size());
  for (const etcdserverpb::Event& event : response.events()) {
    events.push_back(ItemOf(event.kv()));
    events.back().deleted = event.type() == etcdserverpb::Event::DELETE;
  }
  on_items_(state_.OnEvents(Now(), std::move(events)));
}

}  // namespace msgproc::etcd
