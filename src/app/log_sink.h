#pragma once

#include <string_view>

namespace isa::app {

// Sends the platform's log lines through spdlog's worker thread to stderr, so that no event loop waits for a
// terminal or a pipe. level: debug, info, warn or error. Call once, before threads start.
void install_log_sink(std::string_view level);
// Writes what is still queued; before exit.
void flush_log();

}  // namespace isa::app
