#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_SUPERVISOR_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_SUPERVISOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

// Decides when workers start and leave, so that each of a fixed number of slots
// has one that serves. Touches nothing outside: no processes, no threads, no
// clock of its own. Not thread-safe.
//
//   slot:   current: starting -> serving ........................ retiring
//                                        successor: starting -> serving
//
// A dead worker's successor starts at once; where workers keep dying, after a
// pause that doubles, up to 5 s, and ends when one lives ten times as long. A
// death that was expected, over messages over which workers have died before,
// brings no pause: it says nothing of the worker. A
// worker that is to be replaced (a reload, its memory, its messages) serves
// until its successor does, and keeps its place when three of those fail in a
// row.
class Supervisor {
 public:
  struct Options {
    int workers = 1;
    // How long a worker may take until it is ready.
    absl::Duration start_timeout = absl::Seconds(30);
  };

  // What is to be done now.
  struct Actions {
    struct Start {
      WorkerId worker = 0;
      int slot = 0;
    };
    std::vector<Start> start;
    // Have a successor that serves: to finish what they hold, and leave.
    std::vector<WorkerId> retire;
    // Were not ready in time, or are not wanted before they were.
    std::vector<WorkerId> kill;
  };

  explicit Supervisor(const Options& options);

  // To be asked after every call below, and at NextDecision().
  Actions Decide(absl::Time now);
  // When time alone brings the next decision.
  absl::Time NextDecision() const;

  // It was starting; otherwise this changes nothing.
  void OnReady(WorkerId worker, absl::Time now);
  // The process has ended, or could not be started. kStart: it was not ready in
  // time. `expected`: it held what
  // kills workers.
  void OnGone(WorkerId worker, Departure departure, absl::Time now,
              bool expected = false);

  // Replaces all workers, or one.
  void Replace();
  void Replace(WorkerId worker, Departure why);

  // Workers that serve.
  int serving() const;
  // Whether a replacement is under way.
  bool replacing() const;
  // Whether there is no worker and no hope of one: none of the last starts came
  // to anything.
  bool Hopeless(absl::Time now) const;
  // Whether a replacement was given up since the last call.
  bool TakeAbandoned();

  // Checks what holds between two calls; true.
  bool CheckInvariants() const;

  uint64_t departures(Departure departure) const {
    return departures_[static_cast<size_t>(departure)];
  }

 private:
  struct Incarnation {
    WorkerId worker = 0;
    uint64_t generation = 0;
    // Up to kServing or kKilled: who retires has no place here any more.
    WorkerLife life;
    absl::Time since;
    bool exists() const { return worker != 0; }
    bool starting() const { return exists() && life.starting(); }
    bool serving() const { return exists() && life.serving(); }
  };
  struct Slot {
    Incarnation current;
    Incarnation successor;
    // The generation it should have, and why.
    uint64_t wanted = 0;
    Departure why = Departure::kReload;
    int successors_failed = 0;
    absl::Duration pause;
    absl::Time next_start = absl::InfinitePast();
    bool WantsSuccessor() const {
      return current.exists() && !successor.exists() &&
             current.generation < wanted;
    }
  };

  Incarnation Start(const Slot& slot, absl::Time now, Actions* actions);
  void CheckStart(Incarnation* incarnation, absl::Time now,
                  Actions* actions) const;
  void Pause(Slot* slot, const Incarnation& gone, absl::Time now,
             bool expected = false);
  void Count(Departure departure) {
    ++departures_[static_cast<size_t>(departure)];
  }

  const Options options_;
  std::vector<Slot> slots_;
  uint64_t generation_ = 0;
  WorkerId next_worker_ = 1;
  std::vector<WorkerId> to_retire_;
  std::vector<WorkerId> to_kill_;
  int failed_starts_ = 0;  // Since a worker became ready.
  bool start_timed_out_ = false;
  bool ever_served_ = false;
  absl::Time last_served_;
  bool abandoned_ = false;
  std::array<uint64_t, static_cast<size_t>(Departure::kCount)> departures_{};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_SUPERVISOR_H_
