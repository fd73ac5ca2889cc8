// The C++ client's adapter of the conformance suite: docs/conformance.md says
// what it is told on standard input and what it answers on standard output.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/message_stream.h"
#include "client/stream_event.h"
#include "common/mutex.h"
#include "nlohmann/json.hpp"
#include "services/base/build_info.h"
#include "wire/frame.h"

namespace msgproc::conformance {
namespace {

using Json = nlohmann::json;

const Json kCapabilities = {"balancers",
                            "session_id",
                            "session_token",
                            "handler",
                            "client_name",
                            "token",
                            "tokens",
                            "max_outstanding_messages",
                            "max_outstanding_bytes",
                            "connect_timeout_ms",
                            "headers",
                            "pause_reading",
                            "lost"};

std::string Base64(absl::string_view bytes) {
  return absl::Base64Escape(bytes);
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) {
    std::cerr << "no base64: " << text << "\n";
    std::abort();
  }
  return bytes;
}

// The answers of a token provider, call by call; the last one for ever.
class Tokens {
 public:
  explicit Tokens(std::vector<std::string> answers)
      : answers_(std::move(answers)) {}

  absl::StatusOr<std::string> operator()() {
    return answers_[std::min(next_++, answers_.size() - 1)];
  }

 private:
  std::vector<std::string> answers_;
  size_t next_ = 0;
};

client::MessageStreamOptions StreamOptions(const Json& command) {
  client::MessageStreamOptions options;
  const Json& given = command.at("options");
  options.target = command.value("target", "");
  options.balancers = given.value("balancers", std::vector<std::string>());
  options.handler = given.value("handler", "");
  options.client_name = given.value("client_name", "");
  options.session_id = given.value("session_id", "");
  options.session_token = FromBase64(given.value("session_token", ""));
  options.max_outstanding_messages =
      given.value("max_outstanding_messages", uint64_t{UINT64_MAX});
  options.max_outstanding_bytes =
      given.value("max_outstanding_bytes", uint64_t{UINT64_MAX});
  if (given.contains("connect_timeout_ms")) {
    options.connect_timeout =
        absl::Milliseconds(given.at("connect_timeout_ms").get<int64_t>());
  }
  std::vector<std::string> tokens =
      given.value("tokens", std::vector<std::string>());
  if (given.contains("token")) tokens.push_back(given.at("token"));
  if (!tokens.empty()) options.token_provider = Tokens(std::move(tokens));
  return options;
}

// One stream, and what the suite wants of it. Commands come on one thread,
// callbacks on those of gRPC, and sends, which block, have one of their own.
class Adapter {
 public:
  void OnCommand(const Json& command) {
    const std::string name = command.at("command");
    if (name == "connect") {
      Connect(command);
    } else if (name == "send" || name == "finish") {
      MutexLock lock(&mutex_);
      orders_.push_back(command);
      changed_.SignalAll();
    } else if (name == "pause_reading" || name == "resume_reading") {
      MutexLock lock(&mutex_);
      paused_ = name == "pause_reading";
      changed_.SignalAll();
    } else if (name == "cancel") {
      Cancel();
    }
  }

  void Cancel() {
    {
      MutexLock lock(&mutex_);
      cancelled_ = true;
      changed_.SignalAll();
    }
    if (stream_ != nullptr) stream_->Cancel();
  }

  static void Emit(const Json& event) {
    const std::string line = absl::StrCat(
        event.dump(-1, ' ', false, Json::error_handler_t::replace), "\n");
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
  }

  void WaitUntilEnded() {
    MutexLock lock(&mutex_);
    while (!ended_) changed_.Wait(&mutex_);
  }

  // No stream was opened, and none will be.
  void GiveUp() {
    if (stream_ == nullptr) SetEnded();
  }

 private:
  void Connect(const Json& command) {
    client::MessageStreamOptions options = StreamOptions(command);
    options.on_result = [this](const client::Result& result) {
      OnResult(result);
    };
    options.on_event = [this](const client::StreamEvent& event) {
      OnEvent(event);
    };
    absl::StatusOr<std::unique_ptr<client::MessageStream>> stream =
        client::MessageStream::Open(std::move(options));
    if (!stream.ok()) {
      EmitEnded(stream.status());
      SetEnded();
      return;
    }
    stream_ = *std::move(stream);
    std::thread([this] { CarryOut(); }).detach();
  }

  void CarryOut() {
    while (true) {
      const Json order = NextOrder();
      if (order.at("command") == "send") {
        Send(order.at("messages"));
      } else if (absl::Status closed = stream_->Close(); !closed.ok()) {
        std::cerr << "Close: " << closed << "\n";
      }
    }
  }

  Json NextOrder() {
    MutexLock lock(&mutex_);
    while (orders_.empty()) changed_.Wait(&mutex_);
    Json order = std::move(orders_.front());
    orders_.pop_front();
    return order;
  }

  void Send(const Json& messages) {
    size_t taken = 0;
    for (const Json& message : messages) {
      std::vector<std::pair<std::string, std::string>> headers;
      if (message.contains("headers")) {
        for (const auto& [key, value] : message.at("headers").items()) {
          headers.emplace_back(key, FromBase64(value));
        }
      }
      std::vector<wire::HeaderView> views;
      for (const auto& [key, value] : headers) views.push_back({key, value});
      const absl::StatusOr<uint64_t> sent =
          stream_->Send(FromBase64(message.at("payload")), views);
      if (sent.ok()) {
        ++taken;
        continue;
      }
      // The stream's own end is told by its event.
      if (!StillOpen()) return;
      Emit({{"event", "refused"},
            {"code", absl::StatusCodeToString(sent.status().code())},
            {"message", std::string(sent.status().message())}});
    }
    Emit({{"event", "sent"}, {"count", taken}});
  }

  bool StillOpen() {
    const absl::Status status =
        stream_->WaitUntilConnected(absl::ZeroDuration());
    return status.ok() || absl::IsDeadlineExceeded(status);
  }

  void OnResult(const client::Result& result) {
    WaitWhilePaused();
    Json event = {{"event", "result"}, {"sequence", result.sequence}};
    if (result.code != absl::StatusCode::kOk) {
      event["error"] = {{"code", absl::StatusCodeToString(result.code)},
                        {"message", std::string(result.error)}};
    } else {
      event["payload"] = Base64(result.payload);
    }
    for (const wire::HeaderView& header : result.headers) {
      event["headers"][std::string(header.key)] = Base64(header.value);
    }
    Emit(event);
  }

  void WaitWhilePaused() {
    MutexLock lock(&mutex_);
    while (paused_ && !cancelled_) changed_.Wait(&mutex_);
  }

  void OnEvent(const client::StreamEvent& event) {
    switch (event.kind) {
      case client::StreamEvent::Kind::kConnected:
        if (event.state == client::SessionState::kLost) {
          Emit({{"event", "lost"}});
        }
        break;
      case client::StreamEvent::Kind::kClosed:
        EmitEnded(event.status);
        SetEnded();
        break;
      default:
        std::cerr << static_cast<int>(event.kind) << " " << event.status
                  << "\n";
    }
  }

  static void EmitEnded(const absl::Status& status) {
    Emit({{"event", "ended"},
          {"code", absl::StatusCodeToString(status.code())},
          {"message", std::string(status.message())}});
  }

  void SetEnded() {
    MutexLock lock(&mutex_);
    ended_ = true;
    changed_.SignalAll();
  }

  // Set once, by the thread of the commands, before any other uses it.
  std::unique_ptr<client::MessageStream> stream_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Json> orders_ MSGPROC_GUARDED_BY(mutex_);
  bool paused_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool ended_ MSGPROC_GUARDED_BY(mutex_) = false;
};

[[noreturn]] void Run() {
  // Never destroyed: threads that wait for standard input, or for room, have it
  // when the process ends.
  auto* const adapter = new Adapter();
  Adapter::Emit(
      {{"event", "ready"},
       {"client", absl::StrCat("msgproc-cpp ", base::GetBuildInfo().version)},
       {"capabilities", kCapabilities}});
  std::thread([adapter] {
    std::string line;
    while (std::getline(std::cin, line)) adapter->OnCommand(Json::parse(line));
    adapter->Cancel();
    adapter->GiveUp();
  }).detach();
  adapter->WaitUntilEnded();
  std::_Exit(EXIT_SUCCESS);
}

}  // namespace
}  // namespace msgproc::conformance

int main() { msgproc::conformance::Run(); }
