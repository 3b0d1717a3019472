#pragma once

#include "model/provider.h"
#include "model/settings.h"
#include "net/client.h"

namespace isa::model {

// OpenAI's Chat Completions, of OpenAI or any compatible server. Ready without a key unless the address is
// OpenAI's own. Bare ids of models that it may serve: gpt*, o1*, o3*, o4*, chatgpt*, and with a compatible
// server any.
std::unique_ptr<Provider> make_openai_provider(const Settings& settings, net::Client& client);

}  // namespace isa::model
