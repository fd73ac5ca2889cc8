"""What is planted: small faults as people make them, and which rule must notice each.

`before` is the product's text: statements end in ; or }, anything else is an expression.
Where it stands more than once in its file, `behind` is a text in front of the right place.
`rules` are names of tests/simulation/checker.h, or "assertion": what must hold does not,
and the process ends by itself. `seed` is one that finds it, tried first.

Not here, since nothing comes of them: a store that looks at no epoch (what a server writes
must also follow what the store has), a server that takes a session for its own that another
has had since (its first commit says so), a session that is not given up at a takeover (its
commits are refused), heartbeats without an answer (a stream that has not written for long
writes by itself). Two things hold there, and the loss of one shows in unit tests only.
A SessionTable that lets a late Open take over a session in memory was found by seed 4016
and by none before: too seldom to be promised (a store's look at it is, see attempts-not-counted).
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """One of them."""

    name: str
    file: str
    before: str
    after: str
    breaks: str
    rules: tuple[str, ...]
    seed: int = 0
    behind: str = ""
    seeds: int = 2000


FAULTS = (
    # --- The client's window --------------------------------------------------------------
    Fault(
        name="resume-off-by-one",
        file="client/send_window.cc",
        before="cursor_ = log_.At(std::max(cursor_.position(), accepted_through + 1));",
        after="cursor_ = log_.At(std::max(cursor_.position(), accepted_through));",
        breaks="a resumed client sends the last message again that the server has accepted",
        rules=("protocol", "liveness"),
        seed=3,
    ),
    Fault(
        name="resume-forgets-to-rewind",
        file="client/send_window.cc",
        before="cursor_ = log_.At(received_through_ + 1);",
        after="if (cursor_.position() <= received_through_) cursor_ = log_.At(received_through_ + 1);",
        breaks="what was sent over a connection that is gone is never sent again",
        rules=("liveness",),
        seed=6,
        behind="void SendWindow::OnDisconnected() {",
    ),
    Fault(
        name="acknowledgement-forgotten",
        file="client/send_window.cc",
        before="told_through_ = released_through_;",
        after="if (!welcomed_) told_through_ = released_through_;",
        breaks="a client tells its server nothing of what it has received",
        rules=("liveness",),
        seed=1,
        behind="void SendWindow::Told() {",
    ),
    # --- The client's connections ---------------------------------------------------------
    Fault(
        name="closed-before-all-is-answered",
        file="client/connection_state.cc",
        before="session_.window().drained()",
        after="true",
        breaks="a client that closes ends in order with its connection, answered or not",
        rules=("one-result",),
        seed=2,
        behind="} else if (closing_ && ",
    ),
    Fault(
        name="nobody-wakes-to-connect",
        file="client/connection_state.cc",
        before="if (session_.window().settled()) next = destination_.when();",
        after="if (session_.window().settled()) next = destination_.give_up_at();",
        breaks="no alarm is set for the next attempt to connect",
        rules=("liveness",),
        seed=1,
    ),
    Fault(
        name="silence-is-not-given-up",
        file="client/connection_state.cc",
        before="call_.Break(std::move(status));",
        after="(void)status;",
        breaks="a client waits for ever for a server that is gone without a word",
        rules=("liveness",),
        seed=6,
        behind="status = session_.OnTime(now); !status.ok()",
    ),
    Fault(
        name="attempts-not-counted",
        file="client/session.cc",
        before="++attempts_;",
        after="attempts_ = 1;",
        breaks="servers cannot tell an Open that was long under way from the latest",
        rules=("late-open",),
        seed=116,
    ),
    Fault(
        name="results-are-no-sign-of-life",
        file="client/session.cc",
        before="last_read_ = now;",
        after="if (phase_ == Phase::kOpening) last_read_ = now;",
        breaks="a client hears nothing behind the Welcome, and gives good connections up",
        rules=("peace",),
        seed=141,
        behind="Session::Received Session::OnFrame(",
    ),
    Fault(
        name="no-heartbeats",
        file="client/session.cc",
        before="now >= HeartbeatTime()",
        after="now >= absl::InfiniteFuture()",
        breaks="a server takes a client that only listens for dead",
        rules=("peace", "liveness"),
        seed=8,
    ),
    Fault(
        name="no-backoff",
        file="client/reconnect_policy.cc",
        before="return now + most * share;",
        after="return now + most * share * 0;",
        breaks="a client that nobody answers tries again without a pause",
        rules=("backoff",),
        seed=3,
    ),
    Fault(
        name="a-reset-is-the-end",
        file="client/connection_state.cc",
        before="!moved && !MayRetry(why)",
        after="!moved && (!MayRetry(why) || absl::IsInternal(why))",
        breaks="a client ends for good when a proxy resets its stream",
        rules=("liveness",),
        seed=5,
    ),
    # --- The client's look-up -------------------------------------------------------------
    Fault(
        name="one-balancer-is-not-the-end",
        file="client/locator_state.cc",
        before="""return may_pass ? absl::UnavailableError(text)
                  : absl::Status(errors_.back().code(), text);""",
        after="return absl::Status(errors_.back().code(), text);",
        breaks="a client ends for good since the last balancer that it asked did not answer",
        rules=("liveness",),
        seed=9,
    ),
    Fault(
        name="failed-servers-not-excluded",
        file="client/locator_state.cc",
        before="request.add_exclude(failed_[i]);",
        after="request.mutable_exclude();",
        breaks="a client is sent again to the server that has just failed it",
        rules=("avoid",),
        seed=6,
    ),
    # --- The server's stream --------------------------------------------------------------
    Fault(
        name="silence-counts-from-the-start",
        file="services/processor/stream/stream_state.cc",
        before="heard_ = now;",
        after="heard_ = std::min(heard_, now);",
        breaks="a server gives clients up that speak",
        rules=("peace",),
        seed=141,
        behind="MSGPROC_CHECK_GE(now, heard_);",
    ),
    Fault(
        name="status-before-the-write",
        file="services/processor/stream/stream_state.cc",
        before="if (gatherer_.marker_in_flight() || claiming_) return;",
        after="if (gatherer_.marker_in_flight()) return;",
        breaks="a stream gives its status while its session is being claimed",
        rules=("assertion",),
        seed=7,
    ),
    Fault(
        name="every-frame-opens",
        file="services/processor/stream/stream_input.cc",
        before="std::exchange(first_, false)",
        after="first_",
        breaks="each frame of a stream is taken for its first",
        rules=("at-least-once", "expiry"),
        seed=1,
    ),
    Fault(
        name="unread-for-ever",
        file="services/processor/stream/stream_state.cc",
        before="""if (write_in_flight_ && now - write_started_ > patience_) {
    return Verdict::kUnread;
  }""",
        after="if (write_in_flight_ && now < write_started_) return Verdict::kUnread;",
        breaks="a server waits for ever for a client that takes nothing",
        rules=("unread",),
        seed=19,
    ),
    # --- The server's session -------------------------------------------------------------
    Fault(
        name="resumption-drops-a-result",
        file="services/processor/session/session.cc",
        before="results_.ReleaseThrough(received_through_);",
        after="results_.ReleaseThrough(std::min(received_through_ + 1, results_.next_position() - 1));",
        breaks="the first result that a resumed client lacks is gone",
        rules=("protocol",),
        seed=7,
        behind="void Session::Resume(",
    ),
    Fault(
        name="lost-for-resumed",
        file="services/processor/session/session.cc",
        before="received_through > accepted_through_",
        after="received_through >= accepted_through_",
        breaks="a session of which all is received counts as lost",
        rules=("kept",),
        seed=4,
        behind="Session::WhyNotResume(",
    ),
    Fault(
        name="two-streams-of-one-session",
        file="services/processor/session/hosted_session.cc",
        before="attachment_.get() != attachment",
        after="attachment_ == nullptr",
        breaks="a stream whose session was taken over goes on sending messages into it",
        rules=("liveness",),
        seed=430,
        behind="absl::Status HostedSession::OnFrame(",
    ),
    Fault(
        name="detached-by-a-stream-of-before",
        file="services/processor/session/hosted_session.cc",
        before="if (attachment_.get() != attachment) return false;",
        after="if (attachment_ == nullptr) return false;",
        breaks="the end of a stream that was taken over detaches the one that has the session",
        rules=("late-open",),
        seed=116,
    ),
    Fault(
        name="results-wait-for-no-commit",
        file="services/processor/session/hosted_session.cc",
        before="AskToCommit(load);",
        after="session_.CommitReady();",
        breaks="results leave that no store has",
        rules=("durable",),
        seed=3,
    ),
    Fault(
        name="expired-at-once",
        file="services/processor/session/session_table.cc",
        before="now - oldest->second.detached_at < options_.session_ttl",
        after="now - oldest->second.detached_at < absl::ZeroDuration()",
        breaks="a session is forgotten as soon as its connection breaks",
        rules=("kept",),
        seed=4,
    ),
    Fault(
        name="detached-long-ago",
        file="services/processor/session/session_table.cc",
        before="entry.detached_at = clock_->Now();",
        after="entry.detached_at = clock_->Now() - absl::Hours(1);",
        breaks="a session that is detached counts as if it had been for long",
        rules=("kept",),
        seed=4,
    ),
    Fault(
        name="handlers-never-pause",
        file="services/processor/session/session.cc",
        before="runs_out_ >= max_batches || Paused()",
        after="runs_out_ >= max_batches",
        breaks="handlers go on however much a client has not read",
        rules=("held", "memory"),
        seed=637,
    ),
    Fault(
        name="memory-is-never-full",
        file="services/processor/session/memory_budget.cc",
        before="if (used > budget) return Level::kFull;",
        after="(void)level;",
        breaks="sessions grow whatever all of them hold",
        rules=("memory",),
        seed=124,
    ),
    # --- The session's commits ------------------------------------------------------------
    Fault(
        name="forgotten-trim",
        file="services/processor/session/session_commits.cc",
        before="write.trim_through = session->received_through();",
        after="write.trim_through = 0;",
        breaks="a store keeps all results for ever",
        rules=("trim",),
        seed=134,
    ),
    Fault(
        name="statements-forgotten",
        file="services/processor/session/session_commits.cc",
        before="write.effects = session->EffectsOf(run_);",
        after="write.effects.clear();",
        breaks="a result is committed without what its worker wanted to be done with it",
        rules=("exactly-once",),
        seed=106,
    ),
    Fault(
        name="commit-cursor-not-put-back",
        file="services/processor/session/session_commits.cc",
        before="session->OnNotCommitted(std::exchange(run_, Session::Run()));",
        after="session->OnCommitted(std::exchange(run_, Session::Run()));",
        breaks="results leave whose commit has failed",
        rules=("durable", "once-kept", "exactly-once", "liveness"),
        seed=3,
    ),
    Fault(
        name="ready-during-a-commit-forgotten",
        file="services/processor/store/group_commit.cc",
        before="known.more = true;",
        after="known.more = false;",
        breaks="what becomes ready during its session's commit is not committed",
        rules=("liveness",),
        seed=8,
    ),
    Fault(
        name="undone-group-forgotten",
        file="services/processor/store/commit_queue.cc",
        before="undone.push_back(member.key);",
        after="if (now == absl::InfinitePast()) undone.push_back(member.key);",
        breaks="what a store did not commit is not tried again",
        rules=("liveness",),
        seed=24,
    ),
    Fault(
        name="failed-commit-told-as-done",
        file="services/processor/store/commit_queue.cc",
        before="member.committed",
        after="!part.fenced",
        breaks="handlers and clients hear of a commit that failed",
        rules=("durable", "exactly-once", "once-kept", "liveness"),
        seed=3,
        behind="void TellMembers(",
    ),
    Fault(
        name="lost-answer-taken-for-a-commit",
        file="services/processor/store/store_worker.cc",
        before="claimed.committed_through >= member.part.write.through",
        after="claimed.committed_through + 1000000 >= member.part.write.through",
        breaks="a commit whose answer was lost counts as done without looking",
        rules=("durable", "exactly-once", "once-kept", "liveness"),
        seed=7,
    ),
    Fault(
        name="broken-connection-kept",
        file="services/processor/store/store_worker.cc",
        before="connection_ = nullptr;",
        after="(void)connection_;",
        breaks="a store connection that is broken is used for ever",
        rules=("liveness",),
        seed=7,
        behind="StoreWorker::Note(",
    ),
    # --- The store ------------------------------------------------------------------------
    Fault(
        name="fence-after-insert",
        file="services/processor/store/group_runner.cc",
        before="undo = undo || DoesMore(*written[i]);",
        after="undo = undo || !DoesMore(*written[i]);",
        breaks="effects of a server that lost its session are committed all the same",
        rules=("exactly-once",),
        seed=126,
    ),
    Fault(
        name="received-all-is-a-loss",
        file="services/processor/store/claim.cc",
        before="claim.received_through <= row->committed_through",
        after="claim.received_through < row->committed_through",
        breaks="a client that has all results of a store's session is told that it is lost",
        rules=("told",),
        seed=7,
    ),
    Fault(
        name="claim-knows-less",
        file="services/processor/store/claim.cc",
        before="claimed.committed_through = row->committed_through;",
        after="claimed.committed_through = row->trimmed_through;",
        breaks="the next server handles again what is committed",
        rules=("told", "exactly-once", "no-rerun"),
        seed=7,
    ),
    # --- Workers --------------------------------------------------------------------------
    Fault(
        name="tries-not-counted",
        file="services/processor/workers/dispatcher.cc",
        before="++item->attempts;",
        after="(void)item->attempts;",
        breaks="a message that kills its workers is tried for ever, as if for the first time",
        rules=("attempts", "assertion"),
        seed=53,
    ),
    Fault(
        name="given-up-too-early",
        file="services/processor/workers/dispatcher.cc",
        before="item->attempts == options_.max_attempts",
        after="item->attempts + 1 >= options_.max_attempts",
        breaks="a message is given up one try before the last",
        rules=("attempts",),
        seed=53,
    ),
    # --- Balancers ------------------------------------------------------------------------
    Fault(
        name="lease-without-end",
        file="services/balancer/server_registry.cc",
        before="entry.generation == 0 || age <= options_.lease",
        after="entry.generation == 0 || age <= absl::InfiniteDuration()",
        breaks="clients are sent to a server that was silent for longer than its lease",
        rules=("lease",),
        seed=27,
    ),
    Fault(
        name="draining-server-handed-out",
        file="services/balancer/server_registry.cc",
        before="entry->report.draining != report.draining",
        after="entry->is_static",
        breaks="a server that says it drains is handed out until something else changes",
        rules=("not-to-draining",),
        seed=32,
    ),
    Fault(
        name="move-to-a-draining-server",
        file="services/balancer/fleet.cc",
        before="!known || status.state != ServerState::kServing",
        after="!known || status.state == ServerState::kUnhealthy",
        breaks="sessions are moved to a server that drains",
        rules=("not-to-draining",),
        seed=37,
    ),
    Fault(
        name="move-to-and-fro",
        file="services/balancer/rebalancer.cc",
        before="""if ((giver.planned() - sessions) / giver.weight <
      (taker->planned() + sessions) / taker->weight) {
    return std::nullopt;
  }""",
        after="if (sessions < 0) return std::nullopt;",
        breaks="the last session of an excess goes to a server that then has as much too many",
        rules=("even-moves",),
        seed=3,
    ),
    Fault(
        name="exclusions-ignored",
        file="services/balancer/pick_policy.cc",
        before="""if (std::find(exclude_.begin(), exclude_.end(), member.address()) !=
      exclude_.end()) {
    return false;
  }""",
        after="""if (exclude_.size() > 1000) return false;""",
        breaks="a client is given the server that it has just excluded",
        rules=("excluded",),
        seed=8,
    ),
    Fault(
        name="fail-static-forgets",
        file="services/balancer/fail_static.cc",
        before="on_ && (absence->stale_ || recent)",
        after="on_ && absence->stale_ && recent",
        breaks="a fleet that seems to have vanished as a whole is not handed out",
        rules=("fail-static",),
        seed=18,
    ),
)


def numbered():
    """{number: fault}, from 1: what MSGPROC_MUTANT says."""
    return dict(enumerate(FAULTS, 1))
