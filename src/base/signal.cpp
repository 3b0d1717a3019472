#include "base/signal.h"

namespace isa {
namespace {

class Place {
 public:
  Place(std::list<asio::steady_timer*>& list, asio::steady_timer& timer)
      : list_(list), position_(list.insert(list.end(), &timer)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { list_.erase(position_); }

 private:
  std::list<asio::steady_timer*>& list_;
  std::list<asio::steady_timer*>::iterator position_;
};

}  // namespace

void Signal::notify() {
  ++changes_;
  for (auto* timer : waiting_) timer->cancel();
}

Task<void> Signal::wait(Deadline deadline) {
  asio::steady_timer timer(executor_, deadline.time());
  const Place place(waiting_, timer);
  co_await timer.async_wait(no_throw);
}

}  // namespace isa
