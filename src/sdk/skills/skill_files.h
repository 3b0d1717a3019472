// A skill's folder of this machine, as its author has it.
#pragma once

#include "base/packed_file.h"

#include <filesystem>

namespace isa::sdk {

// Every regular file below `folder`, scripts marked as programs. validation_error for a symbolic link, which
// means nothing elsewhere; payload_too_large beyond the limits of skill.h. `.git` and files that begin with
// `.DS_` are passed over. Blocks.
Result<std::vector<PackedFile>> read_skill_folder(const std::filesystem::path& folder);

}  // namespace isa::sdk
