#include "cloud_os/environment.h"

#include <algorithm>

namespace isa::cloud_os {

std::map<std::string, std::string> sandbox_environment(const Record& record) {
  std::map<std::string, std::string> env = record.env;
  env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  env["HOME"] = "/workspace";
  env["LANG"] = "C.UTF-8";
  env["SERVICE_PORT"] = "8888";
  env["ISA_WORKSPACE"] = "/workspace";
  env["ISA_MODEL_URL"] = "http://127.0.0.1:8082";
  env["OPENAI_BASE_URL"] = "http://127.0.0.1:8082/v1";
  env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:8082";
  // Client libraries want a key before they start. Outside, whatever the sandbox sends as one is dropped.
  env["OPENAI_API_KEY"] = env["ANTHROPIC_API_KEY"] = record.placeholder_key;
  return env;
}

Result<void> check_environment(const std::map<std::string, std::string>& env) {
  const auto reserved = sandbox_environment(Record{});
  std::size_t size = 0;
  for (const auto& [name, value] : env) {
    const auto at = "/env/" + name;
    const bool is_name =
        !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, [](char c) {
          return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        });
    if (!is_name)
      return validation_error(
                 "the name of a variable is letters, digits and _, and does not start with a digit")
          .with_param(at);
    if (reserved.contains(name))
      return validation_error("the variable {} is set by the platform; choose another name", name)
          .with_param(at);
    if (value.find('\0') != std::string::npos)
      return validation_error("the value of a variable cannot hold a NUL character").with_param(at);
    size += name.size() + value.size();
  }
  if (size > 64 << 10) return validation_error("env is larger than 64 KiB").with_param("/env");
  return ok();
}

}  // namespace isa::cloud_os
