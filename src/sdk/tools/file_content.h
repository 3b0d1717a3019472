// Whole files in and out of the workspace.
#pragma once

#include "sdk/tools/workspace.h"

namespace isa::sdk {

inline constexpr std::size_t kFileMax = 10 << 20;  // Bytes that a tool holds of one file.

// payload_too_large past kFileMax.
Result<std::string> read_whole(const Workspace& workspace, const std::string& name);

// Replaces the content in one step where the name is a plain file: a crash or a full disk leaves the old
// content. The file keeps its permissions. Through a symbolic link the file behind it is rewritten in place.
Result<void> write_whole(const Workspace& workspace, const std::string& name, std::string_view content);

}  // namespace isa::sdk
