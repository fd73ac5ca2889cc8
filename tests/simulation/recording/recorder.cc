#include "tests/simulation/recording/recorder.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"

namespace msgproc::simulation {
namespace {

// What a shell has to do one after another, whatever its threads do.
struct Order {
  absl::string_view machine;
  absl::string_view name;
  std::set<absl::string_view> calls;
  std::set<absl::string_view> decisions;
};

const std::vector<Order>& Orders() {
  static const std::vector<Order>& orders = *new std::vector<Order>{
      {"ConnectionState",
       "write",
       {"OnCallMade", "OnWritten(ok)", "OnWritten(failed)", "OnCallEnded"},
       {"write"}},
      {"ConnectionState",
       "read",
       {"OnCallMade", "OnFrame", "OnReadEnded", "OnCallEnded"},
       {"read"}},
      {"ConnectionState", "marker", {"OnMarkerReached"}, {"mark"}},
      {"ConnectionState",
       "delivery",
       {"OnParsed(frame)", "OnParsed(nothing)", "OnDelivered"},
       {"parse", "results", "event", "read"}},
      {"ConnectionState",
       "call",
       {"OnLocated(address)", "OnLocated(error)", "OnCallMade", "OnReadEnded",
        "OnCallEnded"},
       {"locate", "connect", "cancel", "release"}},
      {"StreamState", "write", {"OnWritten", "TakeHead"}, {"write", "finish"}},
      {"StreamState",
       "read",
       {"OnRead", "OnProcessed(ok)", "OnProcessed(refused)",
        "OnEnd(half-close)"},
       {"read", "finish"}},
      {"StreamState",
       "frame",
       {"OnRead", "OnOpened", "OnAnswered", "OnClaiming", "OnProcessed(ok)",
        "OnProcessed(refused)"},
       {}},
      {"StreamState", "read's start", {"OnReadStarted"}, {"read", "finish"}},
      {"StreamState", "marker", {"OnMarkerReached"}, {"mark", "finish"}},
      {"StreamState",
       "end",
       {"OnEnd(half-close)", "OnEnd(violation)", "OnEnd(stopped)",
        "OnEnd(taken over)", "OnEnd(broken)", "OnCancelling", "Drain"},
       {"finish"}},
      {"OutboxState", "transaction", {"OnWritten", "OnFailed"}, {"group"}},
      {"OutboxState", "end", {"OnTaken", "OnClosed"}, {}},
  };
  return orders;
}

// These are told and what follows from them is asked for under one lock.
const std::set<absl::string_view>& AskedAtOnce() {
  static const std::set<absl::string_view>& calls =
      *new std::set<absl::string_view>{"OnTime",
                                       "OnLocated(address)",
                                       "OnLocated(error)",
                                       "OnFrame",
                                       "OnReadEnded",
                                       "OnWritten(ok)",
                                       "OnWritten(failed)",
                                       "OnMarkerReached",
                                       "OnCallEnded",
                                       "Close",
                                       "OnKept"};
  return calls;
}

// A machine, and its call that is not over yet.
struct Machine {
  std::string name;
  std::string call;  // Empty: none.
  std::vector<std::string> decisions;
  std::map<const Order*, std::string> last;
};

class Recorder {
 public:
  void Begin(const void* machine, absl::string_view name) {
    const MutexLock lock(&mutex_);
    Complete(&machines_[machine], "");
    machines_[machine] = {};
    machines_[machine].name = std::string(name);
  }
  void Call(const void* machine, absl::string_view call) {
    const MutexLock lock(&mutex_);
    Machine* const of = &machines_[machine];
    Complete(of, call);
    of->call = std::string(call);
    of->decisions.clear();
    ++calls_[absl::StrCat(of->name, " ", call)];
  }
  void Decision(const void* machine, absl::string_view decision) {
    const MutexLock lock(&mutex_);
    machines_[machine].decisions.emplace_back(decision);
  }
  Record Take() {
    const MutexLock lock(&mutex_);
    for (auto& [key, machine] : machines_) Complete(&machine, "");
    machines_.clear();
    calls_.clear();
    return std::exchange(record_, {});
  }
  uint64_t Calls(absl::string_view machine, absl::string_view call) {
    const MutexLock lock(&mutex_);
    return calls_[absl::StrCat(machine, " ", call)];
  }

 private:
  // `next`: the call that follows it at once; empty: none.
  void Complete(Machine* machine, absl::string_view next)
      MSGPROC_REQUIRES(mutex_) {
    if (machine->call.empty()) return;
    std::string step = absl::StrCat(machine->name, ": ", machine->call);
    for (const std::string& decision : machine->decisions) {
      absl::StrAppend(&step, " -> ", decision);
    }
    ++record_[step];
    for (const Order& order : Orders()) {
      if (order.machine != machine->name) continue;
      if (order.calls.count(machine->call) > 0) {
        Follow(machine, order, machine->call);
      }
      for (const std::string& decision : machine->decisions) {
        if (order.decisions.count(decision) == 0) continue;
        Follow(machine, order, absl::StrCat("-> ", decision));
      }
    }
    if (machine->name == "ConnectionState" && !next.empty() &&
        AskedAtOnce().count(machine->call) > 0) {
      ++record_[absl::StrCat(machine->name, ", at once: ", machine->call,
                             ", then ", next)];
    }
    machine->call.clear();
  }
  void Follow(Machine* machine, const Order& order, const std::string& what)
      MSGPROC_REQUIRES(mutex_) {
    std::string& last = machine->last[&order];
    ++record_[absl::StrCat(machine->name, ", ", order.name, ": ",
                           last.empty() ? "it begins" : last, ", then ", what)];
    last = what;
  }

  Mutex mutex_;
  std::map<const void*, Machine> machines_ MSGPROC_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> calls_ MSGPROC_GUARDED_BY(mutex_);
  Record record_ MSGPROC_GUARDED_BY(mutex_);
};

Recorder& TheRecorder() {
  static Recorder& recorder = *new Recorder();
  return recorder;
}

}  // namespace

void RecordBegin(const void* machine, absl::string_view name) {
  TheRecorder().Begin(machine, name);
}

void RecordCall(const void* machine, absl::string_view call) {
  TheRecorder().Call(machine, call);
}

void RecordDecision(const void* machine, absl::string_view decision) {
  TheRecorder().Decision(machine, decision);
}

Record TakeRecord() { return TheRecorder().Take(); }

uint64_t CallsOf(absl::string_view machine, absl::string_view call) {
  return TheRecorder().Calls(machine, call);
}

}  // namespace msgproc::simulation
