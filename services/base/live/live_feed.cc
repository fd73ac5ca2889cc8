#include "services/base/live/live_feed.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "services/base/live/page_files.h"

namespace msgproc::base {
namespace {

// What a page of ours may do: its own script and style, and asking its own
// server. Strings from outside are never markup; if one were, it could do
// nothing.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
    "'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

HttpResponse Ours(std::string content_type, std::string body) {
  HttpResponse response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  response.headers = {{"Cache-Control", "no-store"},
                      {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}};
  return response;
}

HttpHandler File(const char* content_type, absl::string_view text) {
  return [content_type, text](const HttpRequest&) {
    return Ours(content_type, std::string(text));
  };
}

}  // namespace

LiveFeed::LiveFeed(const Options& options, ReadSample read_sample,
                   WriteFacts write_facts)
    : options_(options),
      read_sample_(std::move(read_sample)),
      write_facts_(std::move(write_facts)),
      instance_(absl::StrCat(getpid(), "-",
                             absl::ToUnixNanos(Clock::Monotonic()->Now()))),
      history_({.figures = options_.figures.size(),
                .samples = options_.samples,
                .subjects = options_.subjects}),
      thread_([this] { Run(); }) {}

LiveFeed::~LiveFeed() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.SignalAll();
  thread_.join();
}

void LiveFeed::Run() {
  pthread_setname_np(pthread_self(), "msgproc-live");
  const Clock& clock = *Clock::Monotonic();
  absl::Time next = clock.Now();
  while (true) {
    const MetricHistory::Sample sample = read_sample_();
    MutexLock lock(&mutex_);
    history_.Add(sample);
    // After a pause of the machine's they are not made up for.
    next = std::max(next + options_.interval, clock.Now());
    while (!stopping_ && clock.Now() < next) {
      changed_.WaitFor(&mutex_, next - clock.Now());
    }
    if (stopping_) return;
  }
}

HttpHandlers LiveFeed::Pages() {
  HttpHandlers pages;
  pages["/"] = File("text/html; charset=utf-8", page::kPage);
  pages["/live.css"] = File("text/css; charset=utf-8", page::kStyle);
  pages["/live.js"] = File("text/javascript; charset=utf-8", page::kScript);
  pages["/live.json"] = [this](const HttpRequest& request) {
    return Json(request);
  };
  return pages;
}

HttpResponse LiveFeed::Json(const HttpRequest& request) {
  uint64_t since = 0;
  const auto asked = request.Query("since");
  if (asked.has_value() && !absl::SimpleAtoi(*asked, &since)) {
    return {400, "text/plain; charset=utf-8", "since: it takes a number\n"};
  }
  JsonWriter json;
  json.BeginObject()
      .Text("instance", instance_)
      .Number("interval_seconds", absl::ToDoubleSeconds(options_.interval))
      .Number("samples", uint64_t{options_.samples})
      .BeginArray("figures");
  for (const std::string& figure : options_.figures) json.Text("", figure);
  json.End();
  {
    MutexLock lock(&mutex_);
    const uint64_t next = history_.next();
    json.Number("begin", std::min(std::max(since, history_.oldest()), next))
        .Number("next", next)
        .BeginArray("history");
    for (const std::string& subject : history_.Subjects()) {
      json.BeginObject().Text("subject", subject).BeginArray("values");
      for (size_t i = 0; i < options_.figures.size(); ++i) {
        json.BeginArray();
        for (const double value : history_.Values(subject, i, since)) {
          json.Rough("", value);
        }
        json.End();
      }
      json.End().End();
    }
    json.End();
  }
  json.BeginObject("facts");
  write_facts_(&json);
  json.End().End();
  return Ours("application/json", json.Take() + "\n");
}

}  // namespace msgproc::base
