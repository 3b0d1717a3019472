// What the probes of several backends look at.
#pragma once

#include "cloud_os/probe.h"

namespace isa::cloud_os {

struct FoundProgram {
  std::filesystem::path path;
  Finding finding;
};
// `configured`, or what lies under that name beside the isa program.
FoundProgram find_own_program(std::string_view name, const std::string& configured, std::string_view setting);

std::filesystem::path sandboxes_folder(const std::filesystem::path& data_dir);
// Makes the folder of the sandboxes' folders; data_dir is absolute.
Finding prepare_data_folder(const std::filesystem::path& data_dir);

// Whether a sandbox is another user of the host than this process.
Finding look_at_user(std::int64_t uid_base);

}  // namespace isa::cloud_os
