#ifndef MSGPROC_SERVICES_BASE_LIVE_LIVE_FEED_H_
#define MSGPROC_SERVICES_BASE_LIVE_LIVE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/http_server.h"
#include "services/base/live/json_writer.h"
#include "services/base/live/metric_history.h"

namespace msgproc::base {

// A server's live page: a thread that samples its figures, and the pages that
// show them. The page asks for what is new, once a second; nothing is written
// by it. Thread-safe.
class LiveFeed {
 public:
  struct Options {
    // What is sampled, in order; "streams".
    std::vector<std::string> figures;
    absl::Duration interval = absl::Seconds(1);
    // Remembered of each figure.
    size_t samples = 300;
    // As of MetricHistory.
    size_t subjects = 1;
  };
  // What the figures are now, of each subject. Called on the feed's thread.
  using ReadSample = std::function<MetricHistory::Sample()>;
  // What the server is and has now: members of an object. Called by the page,
  // at most once a second and viewer; must be quick.
  using WriteFacts = std::function<void(JsonWriter*)>;

  LiveFeed(const Options& options, ReadSample read_sample,
           WriteFacts write_facts);
  // Nothing is called any more when it returns. The pages must not be asked any
  // more.
  ~LiveFeed();

  // GET /: the page, with live.css and live.js. GET /live.json?since=NUMBER:
  //   {"instance", "interval_seconds", "samples", "begin", "next",
  //    "figures": [name…], "history": [{"subject", "values": [[value…]…]}…],
  //    "facts": {…}}
  // where history has the samples from the number `begin` on, not before
  // `since`, an array a figure. `instance` changes when the server starts anew,
  // and with it the numbers. 400: since is no number.
  HttpHandlers Pages();

 private:
  void Run();
  HttpResponse Json(const HttpRequest& request);

  const Options options_;
  const ReadSample read_sample_;
  const WriteFacts write_facts_;
  const std::string instance_;

  Mutex mutex_;
  CondVar changed_;
  MetricHistory history_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVE_LIVE_FEED_H_
