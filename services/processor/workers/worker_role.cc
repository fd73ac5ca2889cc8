#include "services/processor/workers/worker_role.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "common/clock.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/processor/workers/async_answers.h"
#include "services/processor/workers/frame_codec.h"
#include "services/processor/workers/worker_process.h"
#include "wire/coding.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using wire::FieldReader;
using wire::Tag;
using wire::WireType;

constexpr size_t kFlushBytes = 64 << 10;
constexpr absl::Duration kFlushAfter = absl::Milliseconds(1);
// Handlers are timed in chunks of about this much work.
constexpr int64_t kChunkNanoseconds = 100'000;
constexpr size_t kMaxChunkMessages = 256;
// After a message that took longer, and while waiting, it is looked whether the
// batch is cancelled.
constexpr absl::Duration kLookAfter = absl::Milliseconds(1);
constexpr absl::Duration kLookWhileWaiting = absl::Milliseconds(20);
// A worker that is silent for all of the handler's time is killed: what is late
// is answered before that.
constexpr double kShareOfTimeout = 0.9;

absl::Status Garbage() {
  return absl::InvalidArgumentError(
      "The processor wrote something that is not a WorkBatch.");
}

void AppendVarint(uint64_t value, std::string* out) {
  char bytes[10];
  out->append(bytes,
              static_cast<size_t>(wire::PutVarint(bytes, value) - bytes));
}

}  // namespace

absl::Status WorkerRole::Run() {
  while (input_.Fill()) {
    absl::string_view frame;
    while (input_.Next(&frame)) {
      absl::Status status = ReadFrame(frame);
      if (!status.ok()) return status;
    }
    if (!Flush()) break;
  }
  return absl::OkStatus();
}

absl::Status WorkerRole::ReadContext(absl::string_view encoded) {
  // Mostly that of the batch before.
  if (batch_.context != nullptr && encoded == context_bytes_) {
    return absl::OkStatus();
  }
  worker::v1::Context context;
  if (!context.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return Garbage();
  }
  context_bytes_ = std::string(encoded);
  auto session = std::make_shared<SessionContext>();
  session->session_id = context.session_id();
  session->client_name = context.client_name();
  session->peer = context.peer();
  session->forwarded_for = context.forwarded_for();
  base::Principal& principal = session->principal;
  principal.name = context.principal();
  principal.claims.insert(context.claims().begin(), context.claims().end());
  if (!principal.name.empty()) {
    // Certificates make no claims.
    principal.source = principal.claims.empty()
                           ? base::Principal::Source::kCertificate
                           : base::Principal::Source::kToken;
  }
  idempotency_scope_ = context.idempotency_scope();
  batch_.context = std::move(session);
  batch_.idempotency_scope = idempotency_scope_;
  batch_.attempt = static_cast<int>(std::max<uint32_t>(1, context.attempt()));
  batch_.handler_timeout =
      context.handler_timeout_nanoseconds() == 0
          ? absl::InfiniteDuration()
          : absl::Nanoseconds(context.handler_timeout_nanoseconds());
  return absl::OkStatus();
}

absl::Status WorkerRole::ReadFrame(absl::string_view frame) {
  absl::string_view context;
  absl::string_view handler;
  absl::string_view hello;
  std::vector<absl::string_view> traces;
  uint64_t one_at_a_time = 0;
  messages_.clear();
  FieldReader reader(frame);
  while (!reader.Done()) {
    uint32_t tag = 0;
    absl::string_view body;
    bool ok = reader.ReadTag(&tag);
    if (!ok) return Garbage();
    if (tag == Tag(2, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&body) &&
           wire::ParseMessage(body, &messages_.emplace_back());
    } else if (tag == Tag(1, WireType::kVarint)) {
      ok = reader.ReadVarint(&batch_id_);
    } else if (tag == Tag(3, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&handler);
    } else if (tag == Tag(4, WireType::kVarint)) {
      ok = reader.ReadVarint(&one_at_a_time);
    } else if (tag == Tag(5, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&hello);
    } else if (tag == Tag(6, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&context);
    } else if (tag == Tag(8, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&traces.emplace_back());
    } else {
      ok = reader.Skip(tag);
    }
    if (!ok) return Garbage();
  }
  if (!greeted_) return Greet(hello);
  if (messages_.empty()) {
    input_.TakeCancelled(frame);
    return absl::OkStatus();
  }
  if (absl::Status status = ReadContext(context); !status.ok()) return status;
  if (!traces_.Take(traces, messages_)) return Garbage();
  binding_ = FindBinding(handler);
  if (binding_ == nullptr) unknown_handler_ = std::string(handler);
  Work(one_at_a_time != 0);
  return absl::OkStatus();
}

absl::Status WorkerRole::Greet(absl::string_view encoded) {
  worker::v1::Hello hello;
  if (!hello.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      hello.protocol_version() != kWorkerProtocolVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("The processor speaks version ", hello.protocol_version(),
                     " of the worker protocol, and this worker version ",
                     kWorkerProtocolVersion, "."));
  }
  greeted_ = true;
  max_payload_bytes_ = hello.max_payload_bytes();
  prctl(PR_SET_NAME, absl::StrCat("msgproc-w", hello.worker()).c_str());
  worker::v1::ResultBatch batch;
  batch.mutable_ready()->set_protocol_version(kWorkerProtocolVersion);
  Answer answer;
  AppendVarint(batch.ByteSizeLong(), &answer.head);
  batch.AppendToString(&answer.head);
  answers_.push_back(std::move(answer));
  return absl::OkStatus();
}

HandlerBinding* WorkerRole::FindBinding(absl::string_view handler) {
  if (binding_ != nullptr && binding_->name == handler) return binding_;
  std::unique_ptr<HandlerBinding>& binding = bindings_[std::string(handler)];
  if (binding == nullptr) {
    const auto entry = handlers_->Find(handler);
    if (!entry.ok()) return nullptr;
    binding = std::make_unique<HandlerBinding>();
    binding->name = (*entry)->name;
    binding->handler = (*entry)->handler.get();
    binding->traits = (*entry)->traits;
    binding->max_payload_bytes = max_payload_bytes_;
  }
  return binding.get();
}

void WorkerRole::Work(bool one_at_a_time) {
  cursor_ = batch_.results.At(batch_.results.next_position());
  handler_time_ = absl::ZeroDuration();
  size_t done = 0;
  AsyncHandler* const async =
      binding_ == nullptr ? nullptr : binding_->handler->async();
  if (async != nullptr && !cancelled()) {
    RunAsync(async);
    done = messages_.size();
  }
  while (done < messages_.size()) {
    size_t chunk = messages_.size() - done;
    if (binding_ != nullptr) {
      const int64_t each =
          binding_->message_nanoseconds.load(std::memory_order_relaxed);
      chunk = std::min(
          chunk, each == 0 ? 1
                           : std::clamp<size_t>(
                                 static_cast<size_t>(kChunkNanoseconds / each),
                                 1, kMaxChunkMessages));
    }
    RunChunk(done, chunk);
    done += chunk;
    const absl::Time now = Clock::Monotonic()->Now();
    oldest_ = std::min(oldest_, now);
    if (done < messages_.size() &&
        (now - oldest_ > kFlushAfter ||
         gathered_bytes_ + batch_.results.bytes() > kFlushBytes)) {
      Gather();
      Flush();
    }
    if (done < messages_.size() && batch_.handler_time > kLookAfter) {
      input_.LookAhead();
    }
  }
  input_.Forget(batch_id_);
  Gather();
  if (one_at_a_time || gathered_bytes_ > kFlushBytes) Flush();
}

void WorkerRole::RunChunk(size_t first, size_t messages) {
  MSGPROC_CHECK_GT(messages, 0u);
  if (cancelled()) {
    RefuseChunk(first, messages,
                absl::CancelledError("Nobody waits for it any more."));
    return;
  }
  if (binding_ != nullptr) {
    batch_.binding = binding_;
    batch_.messages = absl::MakeSpan(messages_).subspan(first, messages);
    batch_.traced = traces_.Of(first, messages);
    RunHandler(&batch_);
    handler_time_ += batch_.handler_time;
    return;
  }
  RefuseChunk(first, messages,
              absl::NotFoundError(absl::StrCat("The worker has no handler '",
                                               unknown_handler_, "'.")));
}

void WorkerRole::RefuseChunk(size_t first, size_t messages,
                             const absl::Status& why) {
  for (size_t i = first; i < first + messages; ++i) {
    wire::AppendError(&batch_.results, messages_[i].sequence,
                      static_cast<int>(why.code()), why.message(), false);
  }
}

void WorkerRole::RunAsync(AsyncHandler* handler) {
  batch_.binding = binding_;
  batch_.traced = traces_.Of(0, messages_.size());
  const absl::Time begin = Clock::Monotonic()->Now();
  const absl::Time deadline = begin + batch_.handler_timeout * kShareOfTimeout;
  const auto answers = std::make_shared<AsyncAnswers>(messages_.size());
  for (size_t i = 0; i < messages_.size(); ++i) {
    absl::Status fits = CheckMessage(*binding_, messages_[i]);
    if (fits.ok()) {
      answers->Start(handler, batch_, messages_[i], i, deadline);
    } else {
      answers->Set(i, fits, Reply());
    }
  }
  // What waiting takes is nobody's work: the processor shall not cut its
  // batches by it.
  handler_time_ = Clock::Monotonic()->Now() - begin;
  for (size_t i = 0; i < messages_.size(); ++i) {
    while (!answers->WaitFor(i, absl::ZeroDuration())) {
      if (cursor_.position() < batch_.results.next_position()) {
        Gather();
        Flush();
      }
      const absl::Duration left = deadline - Clock::Monotonic()->Now();
      input_.LookAhead();
      if (cancelled()) {
        answers->Cancel();
      } else if (left <= absl::ZeroDuration()) {
        answers->Set(i, NotAnsweredInTime(batch_.handler_timeout), Reply());
      } else {
        answers->WaitFor(i, std::min(left, kLookWhileWaiting));
      }
    }
    const AsyncAnswers::Answer answer = answers->Take(i);
    AppendOutcome(&batch_, messages_[i].sequence, answer.status, answer.reply);
  }
}

// Makes the results so far an answer, or several: the processor takes frames of
// a bounded size.
void WorkerRole::Gather() {
  const uint64_t results = batch_.results.next_position() - cursor_.position();
  const absl::Duration each =
      handler_time_ / static_cast<double>(std::max<uint64_t>(1, results));
  while (cursor_.position() < batch_.results.next_position()) {
    Answer answer;
    const wire::EntryLog::Taken taken = batch_.results.Take(
        &cursor_, UINT64_MAX, kMaxWorkerFrameBytes, &answer.pieces);
    FinishAnswer(std::move(answer), taken,
                 each * static_cast<double>(taken.entries));
  }
  batch_.results.ReleaseThrough(batch_.results.next_position() - 1);
  handler_time_ = absl::ZeroDuration();
}

void WorkerRole::FinishAnswer(Answer answer, wire::EntryLog::Taken taken,
                              absl::Duration handler_time) {
  std::string fields;
  fields += static_cast<char>(Tag(1, WireType::kVarint));
  AppendVarint(batch_id_, &fields);
  fields += static_cast<char>(Tag(3, WireType::kVarint));
  AppendVarint(static_cast<uint64_t>(std::max<int64_t>(
                   1, absl::ToInt64Nanoseconds(handler_time))),
               &fields);
  AppendVarint(fields.size() + taken.bytes, &answer.head);
  answer.head += fields;
  answers_.push_back(std::move(answer));
  gathered_bytes_ += taken.bytes;
}

bool WorkerRole::Flush() {
  std::vector<iovec> parts;
  for (Answer& answer : answers_) {
    parts.push_back({answer.head.data(), answer.head.size()});
    for (const wire::Piece& piece : answer.pieces) {
      parts.push_back({const_cast<char*>(piece.data), piece.size});
    }
  }
  for (size_t next = 0; next < parts.size();) {
    const int count =
        static_cast<int>(std::min<size_t>(IOV_MAX, parts.size() - next));
    ssize_t written = writev(socket_, &parts[next], count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    while (next < parts.size() &&
           static_cast<size_t>(written) >= parts[next].iov_len) {
      written -= static_cast<ssize_t>(parts[next++].iov_len);
    }
    if (written > 0) {
      parts[next].iov_base = static_cast<char*>(parts[next].iov_base) + written;
      parts[next].iov_len -= static_cast<size_t>(written);
    }
  }
  answers_.clear();
  gathered_bytes_ = 0;
  oldest_ = absl::InfiniteFuture();
  return true;
}

int RunWorkerRole(const HandlerRegistry& handlers) {
  // A handler that hangs does not see the socket close.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(kWorkerSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    std::fprintf(stderr,
                 "--worker_role is for processes that a processor starts by "
                 "itself (--workers).\n");
    return 2;
  }
  // A terminal or a supervisor may signal all processes at once; the processor
  // decides what ends when.
  for (const int signal :
       {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
  const absl::Status status = WorkerRole(kWorkerSocket, &handlers).Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace msgproc::processor
