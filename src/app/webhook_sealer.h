#pragma once

#include "agent/triggers/sealer.h"
#include "cloud_os/secrets/key.h"

#include <memory>

namespace isa::app {

// Seals the secrets of webhooks as the broker's secrets are sealed, with a key of the agent service's own.
class WebhookSealer final : public agent::Sealer {
 public:
  // As SecretsKey::load(). Blocks.
  static Result<std::unique_ptr<WebhookSealer>> open(const std::string& configured,
                                                     const std::filesystem::path& file) {
    ISA_TRY(auto key, cloud_os::SecretsKey::load(configured, file));
    return std::unique_ptr<WebhookSealer>(new WebhookSealer(std::move(key)));
  }

  std::string seal(const std::string& text) const override { return key_.seal(text); }
  Result<std::string> open(const std::string& sealed) const override {
    ISA_TRY(const auto secret, key_.open(sealed));
    return secret.text();
  }

 private:
  explicit WebhookSealer(cloud_os::SecretsKey key) : key_(std::move(key)) {}
  cloud_os::SecretsKey key_;
};

}  // namespace isa::app
