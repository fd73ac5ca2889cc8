// Files taken anew, as they are replaced in the field: certificates, here.
#include "services/base/reloaded_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/server_certificates.h"
#include "services/base/testing/certificates.h"

namespace msgproc::base {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Written beside it and renamed, as editors do it.
void Rename(const std::string& path, const std::string& text) {
  Write(path + "~", text);
  fs::rename(path + "~", path);
}

std::string FirstHalf(const std::string& text) {
  return text.substr(0, text.size() / 2);
}

struct Pair {
  std::string cert;
  std::string key;
};

// Made once: every key takes the openssl command a while.
struct Material {
  TestAuthority authority;
  TestAuthority other{"another authority"};
  Pair old_pair = Read("old");
  Pair new_pair = Read("new");
  Pair expired = Read("expired", /*is_expired=*/true);
  std::string authorities = ReadTestFile(authority.cert());
  std::string both = authorities + ReadTestFile(other.cert());

  Pair Read(const std::string& name, bool is_expired = false) const {
    const std::string stem = authority.Issue(name, is_expired);
    return {ReadTestFile(stem + ".pem"), ReadTestFile(stem + ".key")};
  }
};

const Material& Made() {
  static const auto* const material = new Material();
  return *material;
}

Pair WeakPair() {
  const std::string stem = NewTestFolder() + "/weak";
  RunOpenSsl({"req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "2",
              "-keyout", stem + ".key", "-out", stem + ".pem", "-subj",
              "/CN=weak"});
  return {ReadTestFile(stem + ".pem"), ReadTestFile(stem + ".key")};
}

class ReloadedFilesTest : public ::testing::Test {
 protected:
  ReloadedFilesTest() {
    Write(cert_, Made().old_pair.cert);
    Write(key_, Made().old_pair.key);
    Write(ca_, Made().both);
  }

  void WatchPair() {
    Watch({cert_, key_}, [this](const auto& files, absl::Time now) {
      return certificates_.TakePair(files, now);
    });
  }
  void WatchAuthorities() {
    Watch({ca_}, [this](const auto& files, absl::Time now) {
      return certificates_.TakeClientAuthorities(files, now);
    });
  }
  void Watch(std::vector<std::string> paths, ReloadedFiles::Take take,
             ReloadedFiles::Read read = ReadFileText) {
    files_ = std::make_unique<ReloadedFiles>("test", std::move(paths),
                                             std::move(take), std::move(read));
    const absl::Status loaded = files_->Load(absl::Now());
    ASSERT_TRUE(loaded.ok()) << loaded;
  }
  // A change is seen at the first look and judged at the second.
  absl::Status PollTwice() {
    files_->Poll(absl::Now()).IgnoreError();
    return files_->Poll(absl::Now());
  }
  bool HasPair(const Pair& pair) const {
    const ServerCertificates::Current current = certificates_.Get();
    return current.cert_chain == pair.cert && current.key == pair.key;
  }
  bool HasAuthorities(const std::string& text) const {
    return certificates_.Get().client_authorities == text;
  }

  const std::string folder_ = NewTestFolder();
  const std::string cert_ = folder_ + "/cert.pem";
  const std::string key_ = folder_ + "/key.pem";
  const std::string ca_ = folder_ + "/ca.pem";
  ServerCertificates certificates_;
  std::unique_ptr<ReloadedFiles> files_;
};

struct Replacement {
  const char* name;
  std::function<void(const std::string& cert, const std::string& key)> replace;
};

TEST_F(ReloadedFilesTest, AGoodPairIsTakenHoweverItIsReplaced) {
  const Pair& fresh = Made().new_pair;
  const Replacement replacements[] = {
      {"written over",
       [&](const std::string& cert, const std::string& key) {
         Write(cert, fresh.cert);
         Write(key, fresh.key);
       }},
      {"renamed into place",
       [&](const std::string& cert, const std::string& key) {
         Rename(key, fresh.key);
         Rename(cert, fresh.cert);
       }},
      {"removed and made anew",
       [&](const std::string& cert, const std::string& key) {
         fs::remove(cert);
         fs::remove(key);
         Write(cert, fresh.cert);
         Write(key, fresh.key);
       }},
      {"links to others",
       [&](const std::string& cert, const std::string& key) {
         Write(cert + ".2", fresh.cert);
         Write(key + ".2", fresh.key);
         fs::remove(cert);
         fs::remove(key);
         fs::create_symlink(cert + ".2", cert);
         fs::create_symlink(key + ".2", key);
       }},
      {"with the times and sizes of the old ones",
       [&](const std::string& cert, const std::string& key) {
         const auto time = fs::last_write_time(cert);
         Write(cert, fresh.cert);
         Write(key, fresh.key);
         fs::last_write_time(cert, time);
         fs::last_write_time(key, time);
       }},
  };
  for (const Replacement& replacement : replacements) {
    Write(cert_, Made().old_pair.cert);
    Write(key_, Made().old_pair.key);
    WatchPair();
    replacement.replace(cert_, key_);
    EXPECT_TRUE(PollTwice().ok()) << replacement.name;
    EXPECT_TRUE(HasPair(fresh)) << replacement.name;
    EXPECT_EQ(files_->stats().reloads, 1u) << replacement.name;
    EXPECT_EQ(files_->stats().failures, 0u) << replacement.name;
    EXPECT_GT(files_->stats().expires, absl::Now()) << replacement.name;
    fs::remove(cert_);
    fs::remove(key_);
  }
}

// A volume of Kubernetes: the files are links into ..data, which is a link to a
// folder, and is switched.
TEST_F(ReloadedFilesTest, AVolumeOfKubernetesIsTakenAsAWhole) {
  const auto fill = [&](const std::string& version, const Pair& pair) {
    fs::create_directory(folder_ + "/.." + version);
    Write(folder_ + "/.." + version + "/tls.crt", pair.cert);
    Write(folder_ + "/.." + version + "/tls.key", pair.key);
    fs::create_directory_symlink(".." + version, folder_ + "/..data_tmp");
    fs::rename(folder_ + "/..data_tmp", folder_ + "/..data");
  };
  fill("1", Made().old_pair);
  fs::create_symlink("..data/tls.crt", folder_ + "/tls.crt");
  fs::create_symlink("..data/tls.key", folder_ + "/tls.key");
  Watch({folder_ + "/tls.crt", folder_ + "/tls.key"},
        [this](const auto& files, absl::Time now) {
          return certificates_.TakePair(files, now);
        });
  fill("2", Made().new_pair);
  fs::remove_all(folder_ + "/..1");
  EXPECT_TRUE(PollTwice().ok());
  EXPECT_TRUE(HasPair(Made().new_pair));
  EXPECT_EQ(files_->stats().failures, 0u);
}

struct Mishap {
  const char* name;
  std::function<void()> happen;
  const char* said;
};

TEST_F(ReloadedFilesTest, TheLastGoodPairStaysWhateverBecomesOfTheFiles) {
  const Pair& fresh = Made().new_pair;
  const Mishap mishaps[] = {
      {"certificate emptied", [&] { Write(cert_, ""); }, "is empty"},
      {"key emptied", [&] { Write(key_, ""); }, "is empty"},
      {"certificate cut in half",
       [&] { Write(cert_, FirstHalf(Made().old_pair.cert)); }, "cut short"},
      {"key cut in half", [&] { Write(key_, FirstHalf(Made().old_pair.key)); },
       "cut short"},
      {"last line cut",
       [&] {
         Write(cert_,
               Made().old_pair.cert.substr(0, Made().old_pair.cert.size() - 4));
       },
       "cut short"},
      {"chain cut in its second certificate",
       [&] { Write(cert_, fresh.cert + FirstHalf(Made().authorities)); },
       "cut short"},
      {"chain cut in the second one's first line",
       [&] { Write(cert_, fresh.cert + "-----BEGIN CERT"); }, "cut short"},
      {"not PEM", [&] { Write(cert_, "hello\n"); }, "no PEM certificate"},
      {"bytes damaged",
       [&] {
         std::string damaged = fresh.cert;
         damaged[damaged.size() / 2] = '!';
         Write(cert_, damaged);
       },
       "cut short or damaged"},
      {"deleted", [&] { fs::remove(cert_); }, "No such file"},
      {"key deleted", [&] { fs::remove(key_); }, "No such file"},
      {"folder in its place",
       [&] {
         fs::remove(key_);
         fs::create_directory(key_);
       },
       "Is a directory"},
      {"pipe in its place",
       [&] {
         fs::remove(key_);
         ASSERT_EQ(mkfifo(key_.c_str(), 0600), 0);
       },
       "not a regular file"},
      {"link to nothing",
       [&] {
         fs::remove(cert_);
         fs::create_symlink(folder_ + "/gone", cert_);
       },
       "No such file"},
      {"certificate before its key", [&] { Write(cert_, fresh.cert); },
       "does not belong"},
      {"key before its certificate", [&] { Write(key_, fresh.key); },
       "does not belong"},
      {"expired pair",
       [&] {
         Write(cert_, Made().expired.cert);
         Write(key_, Made().expired.key);
       },
       "expired on"},
      {"a key too weak for TLS",
       [&] {
         const Pair weak = WeakPair();
         Write(cert_, weak.cert);
         Write(key_, weak.key);
       },
       "cannot be used for TLS"},
  };
  for (const Mishap& mishap : mishaps) {
    SCOPED_TRACE(mishap.name);
    fs::remove_all(cert_);
    fs::remove_all(key_);
    Write(cert_, Made().old_pair.cert);
    Write(key_, Made().old_pair.key);
    WatchPair();
    mishap.happen();
    EXPECT_THAT(std::string(PollTwice().message()), HasSubstr(mishap.said));
    EXPECT_TRUE(HasPair(Made().old_pair));
    EXPECT_EQ(files_->stats().failures, 1u);
    // It counts on as long as it lasts.
    EXPECT_FALSE(files_->Poll(absl::Now()).ok());
    EXPECT_EQ(files_->stats().failures, 2u);
    // And is mended without a restart.
    fs::remove_all(cert_);
    fs::remove_all(key_);
    Write(cert_, fresh.cert);
    Write(key_, fresh.key);
    EXPECT_TRUE(PollTwice().ok());
    EXPECT_TRUE(HasPair(fresh));
  }
}

TEST_F(ReloadedFilesTest, TheLastGoodAuthoritiesStayWhateverBecomesOfTheFile) {
  const Mishap mishaps[] = {
      {"emptied", [&] { Write(ca_, ""); }, "is empty"},
      {"blank", [&] { Write(ca_, "\n\n"); }, "no PEM certificate"},
      {"cut in the second authority",
       [&] { Write(ca_, Made().both.substr(0, Made().both.size() - 100)); },
       "cut short"},
      {"cut in the second one's first line",
       [&] { Write(ca_, Made().authorities + "----"); }, "cut short"},
      {"cut in the first", [&] { Write(ca_, FirstHalf(Made().authorities)); },
       "cut short"},
      {"a key instead", [&] { Write(ca_, Made().old_pair.key); },
       "no PEM certificate"},
      {"expired", [&] { Write(ca_, Made().expired.cert); }, "expired on"},
      {"deleted", [&] { fs::remove(ca_); }, "No such file"},
      {"folder in its place",
       [&] {
         fs::remove(ca_);
         fs::create_directory(ca_);
       },
       "Is a directory"},
  };
  for (const Mishap& mishap : mishaps) {
    SCOPED_TRACE(mishap.name);
    fs::remove_all(ca_);
    Write(ca_, Made().both);
    WatchAuthorities();
    mishap.happen();
    EXPECT_THAT(std::string(PollTwice().message()), HasSubstr(mishap.said));
    EXPECT_TRUE(HasAuthorities(Made().both));
    fs::remove_all(ca_);
    Write(ca_, Made().authorities);
    EXPECT_TRUE(PollTwice().ok());
    EXPECT_TRUE(HasAuthorities(Made().authorities));
  }
}

TEST_F(ReloadedFilesTest, WhatIsStillBeingWrittenIsNeitherTakenNorWrong) {
  WatchAuthorities();
  // Cut between two certificates it would be a good file.
  const std::string& whole = Made().both;
  for (const size_t size :
       {size_t{0}, size_t{300}, Made().authorities.size(), whole.size()}) {
    Write(ca_, whole.substr(0, size) + (size == whole.size() ? "\n" : ""));
    EXPECT_TRUE(files_->Poll(absl::Now()).ok());
    EXPECT_TRUE(HasAuthorities(whole)) << size;
  }
  EXPECT_TRUE(files_->Poll(absl::Now()).ok());
  EXPECT_TRUE(HasAuthorities(whole + "\n"));
  EXPECT_EQ(files_->stats().failures, 0u);
}

TEST_F(ReloadedFilesTest, AFileThatIsAwayForAMomentIsNotMissed) {
  WatchPair();
  fs::rename(cert_, cert_ + "~");
  EXPECT_TRUE(files_->Poll(absl::Now()).ok());
  fs::rename(cert_ + "~", cert_);
  EXPECT_TRUE(files_->Poll(absl::Now()).ok());
  EXPECT_EQ(files_->stats().failures, 0u);
}

TEST_F(ReloadedFilesTest, ACertificateOfTomorrowIsTakenTomorrow) {
  const absl::Time today = absl::Now() - absl::Hours(24);
  Write(cert_, Made().old_pair.cert);
  Write(key_, Made().old_pair.key);
  // Nothing is good the day before it was made, but the first is taken.
  files_ = std::make_unique<ReloadedFiles>(
      "test", std::vector<std::string>{cert_, key_},
      [this](const auto& files, absl::Time now) {
        return certificates_.TakePair(files, now);
      });
  ASSERT_TRUE(files_->Load(today).ok());
  Write(cert_, Made().new_pair.cert);
  Write(key_, Made().new_pair.key);
  files_->Poll(today).IgnoreError();
  EXPECT_THAT(std::string(files_->Poll(today).message()),
              HasSubstr("is not valid before"));
  EXPECT_TRUE(HasPair(Made().old_pair));
  EXPECT_TRUE(files_->Poll(absl::Now()).ok());
  EXPECT_TRUE(HasPair(Made().new_pair));
}

// Root reads everything, so the loss is told by the reader.
TEST_F(ReloadedFilesTest, PermissionThatIsLostAndComesBack) {
  bool lost = false;
  Watch(
      {cert_, key_},
      [this](const auto& files, absl::Time now) {
        return certificates_.TakePair(files, now);
      },
      [&lost](const std::string& path) -> absl::StatusOr<FileText> {
        if (lost) return absl::PermissionDeniedError("cannot read " + path);
        return ReadFileText(path);
      });
  lost = true;
  EXPECT_TRUE(absl::IsPermissionDenied(PollTwice()));
  EXPECT_TRUE(HasPair(Made().old_pair));
  EXPECT_EQ(files_->stats().failures, 1u);
  lost = false;
  EXPECT_TRUE(files_->Poll(absl::Now()).ok());
  EXPECT_EQ(files_->stats().failures, 1u);
  EXPECT_EQ(files_->stats().reloads, 0u);
}

TEST_F(ReloadedFilesTest, PermissionThatTheSystemTakesAway) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  WatchPair();
  chmod(key_.c_str(), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(PollTwice()));
  EXPECT_TRUE(HasPair(Made().old_pair));
}

TEST_F(ReloadedFilesTest, WhatIsWrongIsLoggedOnce) {
  WatchPair();
  ::testing::internal::CaptureStderr();
  Write(cert_, "");
  for (int i = 0; i < 5; ++i) files_->Poll(absl::Now()).IgnoreError();
  Write(cert_, Made().old_pair.cert);
  for (int i = 0; i < 3; ++i) files_->Poll(absl::Now()).IgnoreError();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(files_->stats().failures, 4u);
  const size_t first = log.find("not taken anew");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("not taken anew", first + 1), std::string::npos) << log;
  EXPECT_THAT(log, HasSubstr(absl::StrCat(cert_, " is empty")));
  EXPECT_THAT(log, HasSubstr("in use again"));
}

}  // namespace
}  // namespace msgproc::base
