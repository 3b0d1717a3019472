// The commands that look at this host's sandboxes themselves, with or without a platform that runs: for
// whoever owns the data folder.
#pragma once

#include "app/platform_config.h"

namespace isa::app {

// `isa ps`: every sandbox that has a record.
Result<void> show_sandboxes(const PlatformConfig& config, bool as_json);
// `isa gc`: what no record stands for; removed, unless it is a dry run.
Result<void> collect_garbage(const PlatformConfig& config, bool is_dry_run);

}  // namespace isa::app
