#include "net/event_loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <pthread.h>
#include <thread>

namespace isa::net {

struct EventLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

EventLoop::EventLoop(std::string name) : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([&context = impl_->context] { context.run(); });
  pthread_setname_np(impl_->thread.native_handle(), name.substr(0, 15).c_str());
}

EventLoop::~EventLoop() {
  impl_->context.stop();
  impl_->thread.join();
}

asio::any_io_executor EventLoop::executor() const {
  return impl_->context.get_executor();
}

void EventLoop::run(Task<void> task) {
  asio::co_spawn(impl_->context, std::move(task), asio::use_future).get();
}

}  // namespace isa::net
