#pragma once

#include "model/provider.h"
#include "model/settings.h"
#include "net/client.h"

namespace isa::model::anthropic {

// Anthropic's Messages, of Anthropic or a compatible server. Ready without a key unless the address is
// Anthropic's own. Bare ids of models: claude*.
std::unique_ptr<Provider> make_anthropic_provider(const Settings& settings, net::Client& client);

}  // namespace isa::model::anthropic
