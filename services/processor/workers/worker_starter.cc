#include "services/processor/workers/worker_starter.h"

#include <sys/epoll.h>

#include <cstdint>
#include <utility>

#include "common/check.h"
#include "common/exit_barrier.h"
#include "services/processor/workers/frame_codec.h"
#include "services/processor/workers/line_codec.h"
#include "services/processor/workers/worker_codec.h"
#include "services/processor/workers/worker_launch.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kLastWords = absl::Milliseconds(500);

std::unique_ptr<WorkerCodec> MakeCodec(const WorkerOptions& options,
                                       int number) {
  if (options.lines) {
    return std::make_unique<LineCodec>(options.max_payload_bytes);
  }
  return std::make_unique<FrameCodec>(static_cast<uint32_t>(number),
                                      options.max_payload_bytes);
}

}  // namespace

WorkerStarter::WorkerStarter(const WorkerOptions& options, int epoll,
                             WorkerRoster* roster)
    : options_(options),
      launch_(LaunchOf(options)),
      epoll_(epoll),
      roster_(roster) {}

void WorkerStarter::Watch(int epoll, int fd, uint64_t event) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = event;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
}

absl::StatusOr<std::shared_ptr<WorkerLink>> WorkerStarter::Start(
    WorkerId worker, int slot, absl::Time now) {
  MSGPROC_CHECK_NE(worker, 0u);
  auto process = StartWatched(slot);
  if (!process.ok()) return process.status();
  log_.Add(worker, slot, (*process)->pid(), (*process)->TakeErrors());
  auto link = std::make_shared<WorkerLink>(worker, slot, *std::move(process),
                                           MakeCodec(options_, slot), epoll_,
                                           roster_, now);
  Watch(epoll_, link->process()->from(), WorkerLink::ReadableEvent(worker));
  Watch(epoll_, link->process()->exit_fd(), WorkerLink::ExitEvent(worker));
  return link;
}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerStarter::StartWatched(
    int slot) {
  if (!launch_.standard_streams) return WorkerProcess::Start(launch_, slot);
  guard_.Prepare();
  const ExitBarrier::Step whole;
  auto process = WorkerProcess::Start(launch_, slot);
  if (process.ok()) guard_.Watch((*process)->pid());
  return process;
}

WorkerExit WorkerStarter::Reap(WorkerLink* link) {
  for (const int fd : {link->process()->from(), link->process()->exit_fd()}) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  }
  const pid_t pid = link->process()->pid();
  const WorkerExit exit = link->process()->Reap();
  if (launch_.standard_streams) guard_.Forget(pid);
  return exit;
}

std::string WorkerStarter::LastWords(WorkerId worker) {
  return log_.LastWords(worker, kLastWords);
}

const std::string& WorkerStarter::program() const {
  return options_.command.empty() ? launch_.program : options_.command;
}

}  // namespace msgproc::processor
