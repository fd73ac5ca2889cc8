#ifndef MSGPROC_SERVICES_BASE_LIVE_METRIC_HISTORY_H_
#define MSGPROC_SERVICES_BASE_LIVE_METRIC_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace msgproc::base {

// The last samples of a few figures of each of many subjects (the servers of a
// fleet, say), taken of all of them at once and at equal distances. Bounded: of
// each subject the last so many, and of subjects beyond a number nothing.
//
// Samples are numbered from 0 on, so that whoever has the older ones can ask
// for the newer ones alone. What is unknown is not-a-number. Pure; not
// thread-safe.
class MetricHistory {
 public:
  struct Options {
    size_t figures = 1;
    // At least 1 each.
    size_t samples = 300;
    size_t subjects = 1000;
  };
  // By subject, a value a figure.
  using Sample = std::map<std::string, std::vector<double>>;

  explicit MetricHistory(const Options& options);

  // A subject that `sample` lacks was not there; it is forgotten when all that
  // is remembered is that.
  void Add(const Sample& sample);

  // Number of the next sample, and of the oldest that is remembered.
  uint64_t next() const { return next_; }
  uint64_t oldest() const;

  // In order of name.
  std::vector<std::string> Subjects() const;
  // The samples from number `begin` on; before `oldest` there are none, and
  // before the subject came they are unknown. None of an unknown subject.
  // `figure`: which, from 0 on.
  std::vector<double> Values(const std::string& subject, size_t figure,
                             uint64_t begin) const;

 private:
  struct Series {
    // By number and figure, round and round. Float is as much as a chart shows.
    std::vector<float> values;
    // Number behind the last sample that it was there for.
    uint64_t end = 0;
  };

  // Where it stands in the values of `series`.
  size_t Index(const Series& series, uint64_t number, size_t figure) const;

  const Options options_;
  uint64_t next_ = 0;
  std::map<std::string, Series> series_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVE_METRIC_HISTORY_H_
