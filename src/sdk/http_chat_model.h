#pragma once

#include "net/client.h"
#include "sdk/chat_model.h"

namespace isa::sdk {

// Speaks OpenAI Chat Completions, streamed, to the model service: from inside a sandbox over the broker's
// socket, or to any compatible server. `base` ends before /chat/completions, e.g.
// unix:/run/isa/broker.sock:/v1. `peer`: what errors call the other side.
std::unique_ptr<ChatModel> make_http_chat_model(net::Client& client, net::Url base, net::Headers headers = {},
                                                std::string peer = "the model service");

}  // namespace isa::sdk
