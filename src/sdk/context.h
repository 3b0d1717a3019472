// What of a conversation a model is shown when it has become too long for one call.
//
// The conversation itself loses nothing. First old tool results are shown shortened; where that is not
// enough, the older messages are replaced by a summary, which is a message of its own in the conversation and
// says how many it stands for. A tool call and its results are never torn apart, and the last ones are always
// shown.
#pragma once

#include "sdk/chat.h"

#include <span>

namespace isa::sdk {

// Tokens, by the rule of thumb of four bytes each; images count as 1000.
std::int64_t estimated_tokens(const Message& message);
std::int64_t estimated_tokens(std::span<const Message> messages);

// The conversation as a model is shown it: the last summary, then what it does not stand for.
std::vector<Message> shown(std::span<const Message> conversation);

// The same with results of tools shortened that lie further back than the last `recent_tokens`.
std::vector<Message> shown_shortened(std::span<const Message> conversation, std::int64_t recent_tokens);

// How many messages from the beginning a summary should stand for, so that those behind them have about
// `recent_tokens`. Nothing where that would gain nothing: the conversation cannot be cut, or only where it
// was already.
std::optional<std::size_t> cut_for_summary(std::span<const Message> conversation, std::int64_t recent_tokens);

// What is asked of a model to get a summary of the first `count` messages; at most about `tokens_max` long.
ChatRequest summary_request(std::span<const Message> conversation, std::size_t count,
                            std::int64_t tokens_max);

// The summary as a message of the conversation. Without a text it says that the earlier messages were left
// out. The user's last words are kept verbatim where the cut would lose them.
Message make_summary(std::span<const Message> conversation, std::size_t count, std::string text);

}  // namespace isa::sdk
