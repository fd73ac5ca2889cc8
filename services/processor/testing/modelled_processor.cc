#include "services/processor/testing/modelled_processor.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/stream/drain_message.h"
#include "services/processor/stream/stream_log.h"
#include "services/processor/stream/stream_opening.h"
#include "services/processor/stream/stream_peer.h"

namespace msgproc::processor {
namespace {

class EchoHandler final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) override {
    reply->BorrowPayload(message.payload);
    return absl::OkStatus();
  }
};

ProcessorContext::Options ContextOptions(const std::string& id,
                                         const FakeClock* clock) {
  ProcessorContext::Options options;
  options.server_id = id;
  options.default_handler = "echo";
  options.heartbeat_interval = absl::Seconds(5);
  options.sessions.session_ttl = absl::Seconds(20);
  options.sessions.limits.max_batch_messages = 64;
  options.sessions.limits.max_outstanding_messages = 64;
  options.sessions.limits.max_result_bytes = 100;
  options.clock = clock;
  return options;
}

}  // namespace

// What lives and dies with the process.
struct ModelledProcessor::Process {
  Process(const std::string& id, const FakeClock* clock, bool runs_inline)
      : context(ContextOptions(id, clock)) {
    auto binding = std::make_unique<HandlerBinding>();
    binding->name = "echo";
    binding->handler = &handler;
    binding->max_payload_bytes = 1 << 10;
    binding->executor =
        runs_inline ? static_cast<Executor*>(&inline_executor) : &executor;
    context.Bind(std::move(binding));
  }

  EchoHandler handler;
  InlineExecutor inline_executor;
  ProcessorContext context;
  // Its batches go before the sessions that they belong to.
  ManualExecutor executor;
};

class ModelledProcessor::Stream final
    : public AttachedStream,
      public std::enable_shared_from_this<Stream> {
 public:
  Stream(ModelledProcessor* processor, absl::Time now)
      : processor_(processor),
        state_(processor->process_->context.patience(), now,
               now + absl::Seconds(processor->Below(20) + 5)) {}

  // What gRPC has in hand.
  bool reading = true;
  bool writing = false;
  bool writing_taken = false;  // Its bytes are on the wire.
  bool finished = false;
  bool broken = false;  // Cut, cancelled, or its process is dead.
  absl::Status status;
  std::string bytes;

  void OnResultsReady(bool more) override {
    processor_->Later([self = shared_from_this(), more] {
      if (!more) return self->Advance();
      if (self->state_.GatherResults()) self->PostMarker();
    });
  }
  void OnTakenOver() override {
    processor_->Later([self = shared_from_this()] {
      self->End(StreamState::End::kTakenOver, absl::AbortedError("taken over"));
    });
  }

  // gRPC's callbacks.
  void OnReadDone(std::string request) {
    EXPECT_TRUE(std::exchange(reading, false));
    if (!state_.OnRead(Now())) return;
    request_ = std::move(request);
    processing_ = true;
    processor_->Later([self = shared_from_this()] { self->ProcessFrame(); });
  }
  void OnReadEnded() {
    EXPECT_TRUE(std::exchange(reading, false));
    if (broken) return OnCancel();
    End(StreamState::End::kHalfClose, absl::OkStatus());
  }
  void OnWriteDone() {
    EXPECT_TRUE(std::exchange(writing, false));
    writing_taken = false;
    state_.OnWritten();
    if (broken) return OnCancel();
    Advance();
  }
  void OnCancel() {
    End(StreamState::End::kBroken, absl::CancelledError("broken"));
  }
  // Whoever has the call holds on to it.
  void DieWithProcess() {
    broken = true;
    session_ = nullptr;
  }
  // Everything that was begun is over, and the status given.
  bool Done() const { return finished && !reading && !writing && !processing_; }
  void OnDone() {
    EXPECT_FALSE(marker_) << "a marker outlives its call";
    if (session_ != nullptr) {
      context()->sessions()->Detach(std::exchange(session_, nullptr), this,
                                    false);
    }
  }

  void Drain(v1::Drain::Reason reason) {
    if (state_.Drain(EncodeDrain(reason, "", absl::Seconds(5)),
                     DrainReasonName(reason))) {
      Advance();
    }
  }

  void Tick() {
    using Verdict = StreamState::Verdict;
    const Verdict verdict = state_.OnTick(Now());
    if (verdict == Verdict::kPatient) return;
    if (verdict == Verdict::kAged) return Drain(v1::Drain::REASON_AGE);
    End(StreamState::End::kStopped,
        absl::UnavailableError(
            StreamState::Reproach(verdict, absl::Seconds(15))));
    if (verdict == Verdict::kSilent) return;
    processor_->Later([self = shared_from_this()] {
      self->state_.OnCancelling();
      self->processor_->Disconnect(self.get());
    });
  }

 private:
  absl::Time Now() const { return processor_->clock_->Now(); }
  ProcessorContext* context() { return &processor_->process_->context; }

  void ProcessFrame() {
    auto frame = std::make_shared<wire::RequestFrame>();
    ASSERT_TRUE(frame->Parse(request_));
    if (!std::exchange(first_request_, false)) {
      if (frame->messages.empty()) state_.OnAnswered("");
      const absl::Status of_frame = session_ == nullptr
                                        ? absl::AbortedError("ended")
                                        : session_->OnFrame(this, *frame);
      return OnProcessed(*frame, of_frame);
    }
    const absl::StatusOr<FirstRequest> first =
        ReadFirstRequest(context(), base::Principal(), *frame);
    if (!first.ok()) return OnProcessed(*frame, first.status());
    absl::StatusOr<OpenedStream> opened =
        OpenStream(context(), StreamPeer(), base::Principal(),
                   shared_from_this(), frame.get(), *first);
    if (!opened.ok()) return OnProcessed(*frame, opened.status());
    processor_->Later([self = shared_from_this(), frame,
                       on = std::make_shared<OpenedStream>(*opened)] {
      const absl::Status of_frame = on->session->OnFrame(self.get(), *frame);
      const std::string welcome = on->EncodeWelcome();
      self->session_ = on->session;
      self->state_.OnOpened(false, welcome);
      if (frame->messages.empty()) self->state_.OnAnswered("");
      self->OnProcessed(*frame, of_frame);
    });
  }

  void OnProcessed(const wire::RequestFrame& frame, const absl::Status& how) {
    EXPECT_TRUE(how.ok() || absl::IsAborted(how)) << how;
    processor_->Later(
        [self = shared_from_this(), messages = frame.messages.size(), how] {
          const bool close_input =
              self->state_.OnProcessed(messages, self->request_.size(), how);
          if (close_input) self->CloseInput();
          self->Advance();
          self->processing_ = false;
        });
  }

  void End(StreamState::End end, absl::Status why) {
    if (state_.OnEnd(end, std::move(why))) CloseInput();
    Advance();
  }
  void CloseInput() {
    processor_->Later([self = shared_from_this()] {
      if (self->session_ != nullptr) self->session_->CloseInput(self.get());
    });
  }

  void PostMarker() {
    EXPECT_FALSE(std::exchange(marker_, true));
    processor_->Later([self = shared_from_this()] {
      self->marker_ = false;
      self->state_.OnMarkerReached();
      self->Advance();
    });
  }

  // One thread asks, and does what it is told while others do the same.
  void Advance() {
    processor_->Later([self = shared_from_this()] { self->Decide(); });
  }
  void Decide() {
    std::shared_ptr<HostedSession> resumed;
    std::vector<wire::Piece> pieces;
    const StreamState::Actions actions = state_.NextActions(
        Now(), [this] { return session_ != nullptr && session_->AtLimit(); },
        [&] {
          if (session_ == nullptr) return StreamState::Supply();
          const HostedSession::Output output =
              session_->TakeResults(this, &pieces);
          if (output.can_resume) resumed = session_;
          return StreamState::Supply{.results = output.results,
                                     .all_taken = output.all_taken};
        });
    std::deque<Job> todo;
    const auto self = shared_from_this();
    if (actions.write) {
      bytes = state_.TakeHead();
      for (const wire::Piece& piece : pieces) {
        bytes.append(piece.data, piece.size);
      }
      todo.emplace_back([self] {
        EXPECT_FALSE(self->finished);
        EXPECT_FALSE(std::exchange(self->writing, true));
      });
    }
    if (actions.read) {
      todo.emplace_back([self] {
        EXPECT_FALSE(self->finished);
        EXPECT_FALSE(std::exchange(self->reading, true));
      });
      todo.emplace_back([self] {
        if (self->state_.OnReadStarted()) self->Advance();
      });
    }
    if (actions.mark) todo.emplace_back([self] { self->PostMarker(); });
    if (actions.finish) {
      EXPECT_FALSE(writing);
      EXPECT_FALSE(marker_);
      EXPECT_NE(state_.status().code(), absl::StatusCode::kInvalidArgument)
          << state_.status();
      todo.emplace_back([self, how = state_.status()] {
        if (self->session_ != nullptr) {
          self->context()->sessions()->Detach(self->session_, self.get(),
                                              how.ok());
        }
        self->status = how;
        EXPECT_FALSE(std::exchange(self->finished, true));
      });
    }
    if (resumed != nullptr) {
      todo.emplace_back([self, resumed] {
        resumed->Resume(self.get());
        self->Advance();
      });
    }
    processor_->InOrder(std::move(todo));
  }

  ModelledProcessor* const processor_;
  StreamState state_;
  std::shared_ptr<HostedSession> session_;
  std::string request_;
  bool first_request_ = true;
  bool processing_ = false;  // OnReadDone has not returned.
  bool marker_ = false;
};

ModelledProcessor::ModelledProcessor(std::string id, std::mt19937_64* random,
                                     FakeClock* clock)
    : id_(std::move(id)), random_(random), clock_(clock) {
  Start();
}

ModelledProcessor::~ModelledProcessor() { Kill(); }

void ModelledProcessor::Start() {
  process_ = std::make_unique<Process>(id_, clock_, Below(2) == 0);
}

std::shared_ptr<ModelledProcessor::Stream> ModelledProcessor::NewStream() {
  auto stream = std::make_shared<Stream>(this, clock_->Now());
  streams_.push_back(stream);
  return stream;
}

bool ModelledProcessor::Reads(const Stream& stream) const {
  return stream.reading && !stream.broken;
}

absl::Status ModelledProcessor::Read(Stream* stream, absl::string_view bytes) {
  stream->OnReadDone(std::string(bytes));
  return absl::OkStatus();
}

void ModelledProcessor::HalfClose(Stream* stream) { stream->OnReadEnded(); }

bool ModelledProcessor::Write(Stream* stream, std::string* bytes) {
  if (!stream->writing || stream->writing_taken) return false;
  stream->writing_taken = true;
  *bytes = std::move(stream->bytes);
  Later([stream = stream->shared_from_this()] {
    if (stream->writing) stream->OnWriteDone();
  });
  return true;
}

bool ModelledProcessor::Over(const Stream& stream) const {
  return stream.broken ||
         (stream.finished && (!stream.writing || stream.writing_taken));
}

absl::Status ModelledProcessor::StatusOf(const Stream& stream) const {
  if (stream.broken) return absl::UnavailableError("broken");
  return stream.status;
}

void ModelledProcessor::Disconnect(Stream* stream) {
  if (std::exchange(stream->broken, true)) return;
  // What gRPC says of it, in any order.
  Later([stream = stream->shared_from_this()] { stream->OnCancel(); });
  Later([stream = stream->shared_from_this()] {
    if (stream->reading) stream->OnReadEnded();
  });
  Later([stream = stream->shared_from_this()] {
    if (stream->writing) stream->OnWriteDone();
  });
}

void ModelledProcessor::Drain(Stream* stream) {
  Later([stream = stream->shared_from_this()] {
    stream->Drain(v1::Drain::REASON_SHUTDOWN);
  });
}

void ModelledProcessor::Kill() {
  jobs_.clear();
  for (const auto& stream : streams_) stream->DieWithProcess();
  streams_.clear();
}

void ModelledProcessor::Restart() {
  Kill();
  Start();
}

void ModelledProcessor::InOrder(std::deque<Job> jobs) {
  if (jobs.empty()) return;
  Later([this, jobs = std::move(jobs)]() mutable {
    const Job job = std::move(jobs.front());
    jobs.pop_front();
    job();
    InOrder(std::move(jobs));
  });
}

void ModelledProcessor::Tick() {
  process_->context.sessions()->Sweep();
  const auto streams = streams_;
  for (const auto& stream : streams) stream->Tick();
  const auto gone = [](const auto& stream) {
    if (!stream->Done()) return false;
    stream->OnDone();
    return true;
  };
  streams_.erase(std::remove_if(streams_.begin(), streams_.end(), gone),
                 streams_.end());
}

void ModelledProcessor::Work() {
  const uint64_t what = Below(20);
  if (what == 0) return Tick();
  if (what < 5 && process_->executor.held() > 0) {
    // Longer ones are worth gathering.
    process_->executor.handler_time = absl::Microseconds(Below(200));
    return process_->executor.Complete(Below(process_->executor.held()));
  }
  if (jobs_.empty()) return;
  const size_t index = Below(jobs_.size());
  const Job job = std::move(jobs_[index]);
  jobs_.erase(jobs_.begin() + static_cast<ptrdiff_t>(index));
  job();
}

}  // namespace msgproc::processor
