#include "app/platform.h"

#include "app/back_loop.h"
#include "app/front_loop.h"

#include <filesystem>
#include <utility>

#include <unistd.h>

namespace isa::app {
namespace {

bool contains_any(const std::set<std::string>& roles, std::initializer_list<const char*> names) {
  return std::ranges::any_of(names, [&](const char* name) { return roles.contains(name); });
}

}  // namespace

Platform::Platform(PlatformConfig config, std::set<std::string> roles)
    : config_(std::move(config)), roles_(std::move(roles)) {}

Platform::~Platform() = default;

Result<void> Platform::prepare_data_dir() {
  const std::filesystem::path folder = config_.app.data_dir;
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec || access(folder.c_str(), W_OK | X_OK) != 0) {
    return failed_dependency(
               "cannot write to the data folder {}; make it yours, or choose another with --data-dir",
               folder.string())
        .with_detail(ec ? ec.message() : "no permission");
  }
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  if (ec) {
    return failed_dependency(
               "cannot make the data folder {} private (mode 0700); choose another with --data-dir",
               folder.string())
        .with_detail(ec.message());
  }
  return ok();
}

Result<void> Platform::start() {
  const std::vector<std::string> names(roles_.begin(), roles_.end());
  ISA_TRYV(check_exposure(config_, names));
  ISA_TRYV(prepare_data_dir());
  auto secret = config_.auth.internal_secret;
  // Alone in its process, a platform needs no secret that anybody else knows.
  if (secret.empty()) secret = random_hex(32);
  ISA_TRY(listeners_, Listeners::make(config_, names, secret));
  back_ = std::make_unique<BackLoop>(config_, roles_, secret);
  auto started = back_->start(*listeners_);
  if (started && contains_any(roles_, {"agent", "pool"})) {
    front_ = std::make_unique<FrontLoop>(config_, roles_, secret);
    started = front_->start(*listeners_, *back_);
  }
  if (started)
    started = write_endpoints(config_.app.data_dir, listeners_->endpoints(), !config_.app.tls_key.empty());
  is_published_ = started.has_value();
  // The sandboxes that were found here belong to the platform that will start, not to the one that could not.
  if (!started) shut_down(false);
  return started;
}

void Platform::stop(bool drain) {
  if (drain && front_) front_->drain();
  shut_down(roles_.contains("cloud_os") && roles_.contains("pool"));
}

void Platform::shut_down(bool remove_sandboxes) {
  if (std::exchange(is_published_, false)) remove_endpoints(config_.app.data_dir);
  if (front_) front_->stop(remove_sandboxes);
  if (back_) back_->stop(remove_sandboxes);
  front_.reset();
  back_.reset();
}

const Endpoints& Platform::endpoints() const {
  return listeners_->endpoints();
}

}  // namespace isa::app
