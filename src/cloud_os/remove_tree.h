#pragma once

#include "base/result.h"

#include <filesystem>

namespace isa::cloud_os {

// Removes a folder and all below it, made by whomever: deeper than paths may be long or descriptors may be
// many, with folders closed to everybody, with names that are no text. Follows no link and needs one
// descriptor per call, whatever the depth. Nothing happens when it is not there. Nobody else may write in it
// meanwhile.
Result<void> remove_tree(const std::filesystem::path& folder);

}  // namespace isa::cloud_os
