// The processor of docs/handlers.md.
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "services/processor/run_processor.h"
#include "tests/api/handlers.h"

namespace {

// Stands for a service elsewhere.
class Shop final : public example::PriceService {
 public:
  void Ask(const std::string& article, Done done) override {
    std::thread([article, done = std::move(done)] {
      if (article == "pear") return done(40);
      done(absl::NotFoundError("We do not sell that."));
    }).detach();
  }
};

}  // namespace

int main(int argc, char** argv) {
  Shop shop;
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("reverse", std::make_unique<example::Reverse>(),
                    {.never_blocks = true});
  handlers.Register("who", std::make_unique<example::WhoAmI>(),
                    {.never_blocks = true});
  handlers.Register("sum", std::make_unique<example::SlowSum>());
  handlers.Register("price", std::make_unique<example::Price>(&shop));
  handlers.Register("tally", std::make_unique<example::Tally>(),
                    {.transactional = true});
  return msgproc::processor::RunProcessor(argc, argv, handlers);
}
