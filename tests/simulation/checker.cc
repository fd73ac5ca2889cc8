#include "tests/simulation/checker.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace msgproc::simulation {

std::string Checker::ResultOf(absl::string_view payload) {
  return absl::StrCat("done: ", payload);
}

void Checker::Fail(absl::string_view rule, absl::string_view what) {
  if (violation_.empty()) violation_ = absl::StrCat(rule, ": ", what);
}

Checker::Message* Checker::Find(int client, uint64_t sequence,
                                absl::string_view who) {
  auto& messages = clients_.at(static_cast<size_t>(client)).messages;
  if (sequence >= 1 && sequence <= messages.size()) {
    return &messages[sequence - 1];
  }
  Fail("its-own", absl::StrCat(who, " of message ", sequence, " of client ",
                               client, ", which was never sent"));
  return nullptr;
}

void Checker::OnSent(int client, uint64_t sequence, absl::string_view payload) {
  auto& messages = clients_.at(static_cast<size_t>(client)).messages;
  messages.push_back({std::string(payload)});
  if (sequence != messages.size()) {
    Fail("in-order", absl::StrCat("client ", client, " numbers its message ",
                                  messages.size(), " as ", sequence));
  }
}

void Checker::OnResult(int client, uint64_t sequence, bool ok,
                       absl::string_view payload) {
  ++results_;
  Client& of = clients_.at(static_cast<size_t>(client));
  if (of.closed) {
    Fail("one-result", absl::StrCat("client ", client, " gets result ",
                                    sequence, " after the end"));
  }
  Message* const message = Find(client, sequence, "a result");
  if (message == nullptr) return;
  if (sequence <= of.received) {
    return Fail("one-result", absl::StrCat("message ", sequence, " of client ",
                                           client, " has two"));
  }
  if (message->answered_at == 0) {
    message->answered_at = ++step_;
    // Others may be at it still.
    if (!of.home.empty()) message->handled_by = of.home;
  }
  if (sequence != ++of.received) {
    Fail("in-order", absl::StrCat("client ", client, " gets result ", sequence,
                                  " in place of ", of.received));
  }
  if (stored_ && sequence > of.ever_committed) {
    Fail("durable",
         absl::StrCat("client ", client, " gets result ", sequence,
                      ", and the store has them up to ", of.ever_committed));
  }
  if (message->handled == 0) {
    Fail("at-least-once", absl::StrCat("message ", sequence, " of client ",
                                       client, " has a result of nobody"));
  }
  if (!ok && message->given_up) return;
  if (!ok || payload != ResultOf(message->payload)) {
    Fail("its-own", absl::StrCat("result ", sequence, " of client ", client,
                                 " is ", ok ? "" : "the error ", payload));
  }
}

void Checker::OnArrived(int client, uint64_t through) {
  Client& of = clients_.at(static_cast<size_t>(client));
  while (of.arrived < through && of.arrived < of.messages.size()) {
    Message& message = of.messages[of.arrived++];
    if (std::exchange(message.unread, false)) {
      of.unread_bytes -= message.result_bytes();
    }
  }
}

void Checker::CheckBounds(const std::string& server, int client,
                          uint64_t sequence) {
  Client& of = clients_.at(static_cast<size_t>(client));
  if (sequence <= of.arrived) return;
  if (sequence - of.arrived > bounds_.window) {
    Fail("window", absl::StrCat("message ", sequence, " of client ", client,
                                " is handled, and it has read ", of.arrived));
  }
  Message& message = of.messages[sequence - 1];
  if (!std::exchange(message.unread, true)) {
    of.unread_bytes += message.result_bytes();
  }
  if (of.unread_bytes > bounds_.session_bytes && !of.half_closed) {
    Fail("held", absl::StrCat(server, " has ", of.unread_bytes,
                              " bytes of results for client ", client));
  }
  if (bounds_.server_bytes == SIZE_MAX) return;
  size_t all = 0;
  for (const Client& one : clients_) {
    if (one.home == server && !one.closed && !one.half_closed) {
      all += one.unread_bytes;
    }
  }
  if (all > bounds_.server_bytes) {
    Fail("memory",
         absl::StrCat(server, " has ", all, " bytes of results for clients"));
  }
}

void Checker::OnHandled(const std::string& server, int client,
                        uint64_t sequence, absl::string_view payload) {
  ++handled_;
  Message* const message = Find(client, sequence, "a handler's call");
  if (message == nullptr) return;
  ++message->handled;
  if (payload != message->payload) {
    Fail("its-own", absl::StrCat("a handler gets '", payload, "' as message ",
                                 sequence, " of client ", client));
  }
  CheckBounds(server, client, sequence);
  const auto& welcomed_at =
      clients_.at(static_cast<size_t>(client)).welcomed_at;
  const auto welcome = welcomed_at.find(server);
  const bool knows_better = stored_ || message->handled_by == server;
  if (message->answered_at == 0) message->handled_by = server;
  if (message->answered_at > 0 && welcome != welcomed_at.end() &&
      knows_better && welcome->second > message->answered_at) {
    Fail("no-rerun",
         absl::StrCat(server, " handles message ", sequence, " of client ",
                      client, " again, which had its result before"));
  }
}

void Checker::OnGivenUp(int client, uint64_t sequence) {
  Message* const message = Find(client, sequence, "a message given up");
  if (message != nullptr) message->given_up = true;
}

void Checker::OnOpened(int client, absl::Time now) {
  Client& of = clients_.at(static_cast<size_t>(client));
  // One that is never answered may have been heard of all the same.
  if (of.opened_at == 0) of.used = now;
  of.opened_at = ++step_;
  of.opened = now;
}

void Checker::OnWelcome(int client, const std::string& server, bool lost,
                        const std::string& store_generation) {
  Client& of = clients_.at(static_cast<size_t>(client));
  // One that was under way when the store was lost tells nothing.
  if (stored_ && lost_at_ > 0 && of.opened_at > lost_at_ && KnowsMore(of)) {
    Fail("told",
         absl::StrCat("client ", client, " has results up to ", of.received,
                      " of '", of.generation,
                      "', and is welcomed by a store that has ", of.committed));
  }
  of.welcomed_at[server] = ++step_;
  of.home = server;
  of.used_at = of.opened_at;
  of.used = of.opened;
  of.welcomed = true;
  of.generation = store_generation;
  if (!lost || !stored_) return;
  Fail("once-kept", absl::StrCat("client ", client, " is LOST"));
}

bool Checker::KnowsMore(const Client& of) const {
  return (!of.generation.empty() && of.generation != generation_) ||
         of.received > of.committed || (of.welcomed && !of.in_store);
}

void Checker::OnTold(int client, absl::string_view why) {
  const Client& of = clients_.at(static_cast<size_t>(client));
  if (lost_at_ > 0 && KnowsMore(of)) return;
  Fail("told",
       absl::StrCat("client ", client, " lost nothing, and is told ", why));
}

void Checker::OnExpired(int client, absl::Time now, absl::Duration retention,
                        absl::string_view why) {
  const Client& of = clients_.at(static_cast<size_t>(client));
  // A store that was set back has forgotten of its use, too.
  if (now - of.used + stepped_ >= retention || lost_at_ > of.used_at) return;
  Fail("expiry", absl::StrCat("client ", client, " used its session ",
                              absl::FormatDuration(now - of.used),
                              " ago, and is told ", why));
}

void Checker::OnCreated(int client) {
  clients_.at(static_cast<size_t>(client)).in_store = true;
}

void Checker::OnCommitted(int client, uint64_t through) {
  Client& of = clients_.at(static_cast<size_t>(client));
  of.committed = std::max(of.committed, through);
  of.ever_committed = std::max(of.ever_committed, through);
}

void Checker::OnStoreLost(const std::string& generation,
                          const std::map<int, uint64_t>& committed) {
  lost_at_ = ++step_;
  generation_ = generation;
  for (size_t i = 0; i < clients_.size(); ++i) {
    const auto left = committed.find(static_cast<int>(i));
    clients_[i].in_store = left != committed.end();
    clients_[i].committed = left == committed.end() ? 0 : left->second;
    // What servers knew of it counts no more.
    clients_[i].welcomed_at.clear();
  }
}

void Checker::OnClosed(int client, absl::string_view why) {
  Client& of = clients_.at(static_cast<size_t>(client));
  of.closed = true;
  if (!why.empty()) {
    Fail("liveness", absl::StrCat("client ", client, " ends with ", why));
  } else if (of.received != of.messages.size()) {
    Fail("one-result",
         absl::StrCat("client ", client, " ends in order after ", of.received,
                      " results of ", of.messages.size()));
  }
}

int Checker::AddSession() {
  clients_.emplace_back();
  return static_cast<int>(clients_.size()) - 1;
}

void Checker::OnAbandoned(int client) {
  Client& of = clients_.at(static_cast<size_t>(client));
  of.abandoned = true;
  of.closed = true;
}

void Checker::OnSendReturned(int client, uint64_t through) {
  clients_.at(static_cast<size_t>(client)).returned_sends = through;
}

void Checker::OnReturned(int client, uint64_t through) {
  clients_.at(static_cast<size_t>(client)).returned_results = through;
}

void Checker::OnReopened(int client, uint64_t received, uint64_t next,
                         bool welcomed) {
  Client& of = clients_.at(static_cast<size_t>(client));
  of.welcomed = welcomed;
  if (!welcomed) of.generation.clear();
  if (next <= of.returned_sends) {
    Fail("outbox",
         absl::StrCat("client ", client, " goes on with message ", next,
                      ", and Send had returned for ", of.returned_sends));
  }
  if (received > of.returned_results) {
    Fail("outbox", absl::StrCat("client ", client, " gets no result ", received,
                                " again, of which it had not returned"));
  }
  of.received = received;
  of.returned_results = received;
  // A server may be lost, or what a store had, and only what is gone from the
  // file is not sent again then.
  for (uint64_t i = received + 1; i <= of.messages.size(); ++i) {
    Message& message = of.messages[i - 1];
    if (!stored_ || message.answered_at < lost_at_) message.answered_at = 0;
  }
  while (of.messages.size() >= next) {
    if (of.messages.back().handled > 0) {
      Fail("outbox",
           absl::StrCat("message ", of.messages.size(), " of client ", client,
                        " was handled, and is not in the file"));
    }
    if (of.messages.back().unread) {
      of.unread_bytes -= of.messages.back().result_bytes();
    }
    of.messages.pop_back();
  }
}

void Checker::OnEffects(
    const std::map<std::pair<int, uint64_t>, int>& effects) {
  for (size_t client = 0; client < clients_.size(); ++client) {
    for (uint64_t i = 1; i <= clients_[client].messages.size(); ++i) {
      const auto found = effects.find({static_cast<int>(client), i});
      const int times = found == effects.end() ? 0 : found->second;
      if (times == 1) continue;
      if (times == 0 && clients_[client].messages[i - 1].given_up) continue;
      // Nobody knows what became of these, or the store has lost it.
      const bool kept = clients_[client].used_at >= lost_at_;
      const bool answered = clients_[client].messages[i - 1].answered_at > 0;
      if (times == 0 && (!kept || (clients_[client].abandoned && !answered))) {
        continue;
      }
      Fail("exactly-once", absl::StrCat("message ", i, " of client ", client,
                                        " took effect ", times, " times"));
    }
  }
}

void Checker::OnEnd(bool in_time) {
  if (in_time && AllClosed()) return;
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].closed) continue;
    Fail("liveness",
         absl::StrCat("client ", i, " has ", clients_[i].received, " of ",
                      clients_[i].messages.size(), " results"));
  }
}

bool Checker::AllClosed() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const Client& client) { return client.closed; });
}

}  // namespace msgproc::simulation
