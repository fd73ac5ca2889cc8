// What the acceptor does when descriptors run out: in a test of its own, as it
// lowers the whole process's limit.
#include <fcntl.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "services/base/acceptor.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::base {
namespace {

// Takes every descriptor that is left below a lowered limit, until it ends.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    getrlimit(RLIMIT_NOFILE, &saved_);
    UniqueFd probe(Open());
    rlimit lowered = saved_;
    lowered.rlim_cur = probe.get() + 20;
    setrlimit(RLIMIT_NOFILE, &lowered);
    probe.Reset();
    for (UniqueFd fd(Open()); fd.valid(); fd.Reset(Open())) {
      taken_.emplace_back(fd.Release());
    }
  }
  ~NoDescriptorsLeft() {
    taken_.clear();
    setrlimit(RLIMIT_NOFILE, &saved_);
  }

 private:
  static int Open() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
  rlimit saved_{};
  std::vector<UniqueFd> taken_;
};

class AcceptorDescriptorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* sanitizer = std::getenv("MSGPROC_SANITIZER");
    if (sanitizer != nullptr && absl::string_view(sanitizer) == "ubsan") {
      GTEST_SKIP() << "it opens a pipe to look whether memory is there, and "
                      "without descriptors says that it is not";
    }
  }
  void Start(int headroom) {
    AcceptorOptions options;
    options.address = "127.0.0.1:0";
    options.descriptor_headroom = headroom;
    auto acceptor = Acceptor::Listen(options);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    acceptor_->Start([this](int fd) {
      MutexLock lock(&mutex_);
      received_.emplace_back(fd);
    });
  }
  uint64_t RefusedForDescriptors() const {
    return acceptor_->Stats()
        .rejected[static_cast<size_t>(Rejection::kNoDescriptors)];
  }
  bool EventuallyAccepted(uint64_t count) const {
    return Eventually([&] { return acceptor_->Stats().accepted == count; });
  }

  Mutex mutex_;
  std::vector<UniqueFd> received_ MSGPROC_GUARDED_BY(mutex_);
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorDescriptorsTest, ClosesClientsWhileTheyRunOutAndRecovers) {
  Start(/*headroom=*/0);
  RawClient early(acceptor_->address());
  ASSERT_TRUE(EventuallyAccepted(1));
  // Their descriptors are made beforehand: the clients are this process too.
  std::vector<RawClient> clients(100);
  RawClient after;
  {
    const NoDescriptorsLeft exhausted;
    for (RawClient& client : clients) {
      client.Connect(acceptor_->address());
      ASSERT_TRUE(client.IsClosedByPeer());
    }
    EXPECT_TRUE(
        Eventually([&] { return RefusedForDescriptors() == clients.size(); }));
  }
  after.Connect(acceptor_->address());
  EXPECT_TRUE(EventuallyAccepted(2));
  early.Send("x");
  EXPECT_FALSE(early.IsClosedWithin(absl::Milliseconds(50)));
}

TEST_F(AcceptorDescriptorsTest, PausesWhenNotEvenTheReserveIsLeftAndRecovers) {
  Start(/*headroom=*/0);
  RawClient waiting;
  {
    // A limit below what is open already: no accept can succeed.
    rlimit saved{};
    getrlimit(RLIMIT_NOFILE, &saved);
    rlimit lowered = saved;
    lowered.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &lowered);
    waiting.Connect(acceptor_->address());
    const absl::Time begin = absl::Now();
    ASSERT_TRUE(Eventually([&] { return RefusedForDescriptors() >= 4; }));
    // It does not try again at once, which would be to spin.
    EXPECT_GT(absl::Now() - begin, absl::Milliseconds(200));
    setrlimit(RLIMIT_NOFILE, &saved);
  }
  EXPECT_TRUE(EventuallyAccepted(1));
}

TEST_F(AcceptorDescriptorsTest, LeavesSomeForTheRestOfTheProcess) {
  Start(/*headroom=*/16);
  std::vector<RawClient> clients(40);
  rlimit saved{};
  getrlimit(RLIMIT_NOFILE, &saved);
  UniqueFd probe(open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit lowered = saved;
  lowered.rlim_cur = probe.get() + 40;
  setrlimit(RLIMIT_NOFILE, &lowered);
  for (RawClient& client : clients) client.Connect(acceptor_->address());
  EXPECT_TRUE(Eventually([&] {
    return acceptor_->Stats().accepted + RefusedForDescriptors() ==
           clients.size();
  }));
  EXPECT_GT(acceptor_->Stats().accepted, 5u);
  std::vector<UniqueFd> ours;
  for (int i = 0; i < 12; ++i) {
    ours.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(ours.back().valid()) << i;
  }
  setrlimit(RLIMIT_NOFILE, &saved);
}

}  // namespace
}  // namespace msgproc::base
