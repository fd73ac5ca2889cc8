#include "tools/cluster/member.h"

#include <csignal>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/clock.h"

namespace msgproc::cluster {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

absl::Status Member::Start(const std::vector<std::string>& command,
                           const std::function<bool()>& ready) {
  MSGPROC_CHECK(child_ == nullptr);
  MSGPROC_CHECK(!command.empty());
  absl::StatusOr<std::unique_ptr<Child>> child =
      Child::Start(command, log_, Child::LogMode::kAppend);
  if (!child.ok()) return child.status();
  child_ = *std::move(child);
  return WaitUntil(title_, ready);
}

absl::Status Member::WaitUntil(const std::string& what,
                               const std::function<bool()>& ready) {
  MSGPROC_CHECK(child_ != nullptr);
  const absl::Time deadline = Clock::Monotonic()->Now() + kPatience;
  while (!ready()) {
    if (!child_->Running()) {
      return absl::InternalError(
          absl::StrCat(what, " ended with exit code ",
                       child_->Wait(absl::ZeroDuration()).value_or(-1),
                       " before it served. It wrote:\n", child_->LastWords()));
    }
    if (Clock::Monotonic()->Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          what, " does not serve after ", absl::FormatDuration(kPatience),
          ". It wrote:\n", child_->LastWords()));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

pid_t Member::pid() const {
  return child_ != nullptr && child_->Running() ? child_->pid() : 0;
}

void Member::Signal(int signal) {
  if (child_ != nullptr) child_->Signal(signal);
}

void Member::Kill() {
  if (child_ == nullptr) return;
  child_->Kill();
  MSGPROC_CHECK(!child_->Running());
  cpu_of_ended_ += child_->cpu_at_end();
  child_.reset();
}

std::string Member::EndedWith(int exit_code) const {
  return absl::StrCat(title_, " ended with exit code ", exit_code,
                      ". It wrote:\n", child_->LastWords());
}

absl::Status Member::Terminate(absl::Duration timeout) {
  Signal(SIGTERM);
  return AwaitEnd(timeout);
}

absl::Status Member::AwaitEnd(absl::Duration timeout) {
  if (child_ == nullptr) return absl::OkStatus();
  const std::optional<int> exit_code = child_->Wait(timeout);
  absl::Status status;
  if (!exit_code) {
    status = absl::UnavailableError(absl::StrCat(
        title_, " did not drain in ", absl::FormatDuration(timeout),
        ". It wrote:\n", child_->LastWords()));
  } else if (*exit_code != 0) {
    status = absl::InternalError(EndedWith(*exit_code));
  }
  Kill();
  return status;
}

bool Member::Ended(bool* as_asked) {
  if (child_ == nullptr || child_->Running()) return false;
  // A server drains and exits with 0; what has no time to, dies of the signal.
  const int exit_code = child_->Wait(absl::ZeroDuration()).value_or(-1);
  *as_asked = exit_code == 0 || exit_code == 128 + SIGTERM;
  return true;
}

std::string Member::EndedByItself() {
  bool as_asked = false;
  if (!Ended(&as_asked) || as_asked) return "";
  return EndedWith(child_->Wait(absl::ZeroDuration()).value_or(-1));
}

bool Member::TakeEndedAsAsked() {
  bool as_asked = false;
  if (!Ended(&as_asked) || !as_asked) return false;
  Kill();
  return true;
}

ProcessUsage Member::Usage() const {
  ProcessUsage usage;
  usage.cpu = cpu_of_ended_;
  if (child_ != nullptr) usage += UsageOfTree(child_->pid());
  return usage;
}

}  // namespace msgproc::cluster
