#include "orders.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace isa::shim {
namespace {

bool read_number(const char* text, unsigned long& number) {
  char* end = nullptr;
  number = std::strtoul(text, &end, 10);
  return end != text && *end == '\0';
}

bool add_stage(char* text, Orders& orders) {
  char* equals = std::strchr(text, '=');
  if (!equals || orders.stage_count == orders.stages.size()) return false;
  *equals = '\0';
  orders.stages[orders.stage_count++] = {text, equals + 1};
  return true;
}

bool read_option(std::string_view name, char* value, Orders& orders) {
  unsigned long number = 0;
  if (name == "--dir") {
    orders.dir = value;
    return true;
  }
  if (name == "--cgroup") {
    if (orders.cgroup_count == orders.cgroups.size()) return false;
    orders.cgroups[orders.cgroup_count++] = value;
    return true;
  }
  if (name == "--stage") return add_stage(value, orders);
  if (!read_number(value, number)) return false;
  if (name == "--uid") {
    orders.drop = true;
    orders.uid = static_cast<uid_t>(number);
  } else if (name == "--gid") {
    orders.gid = static_cast<gid_t>(number);
  } else if (name == "--log-bytes") {
    orders.log_bytes = number;
  } else if (name == "--file-bytes") {
    orders.file_bytes = number;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool read_orders(int argc, char** argv, Orders& orders) {
  int at = 1;
  while (at + 1 < argc && std::string_view(argv[at]) != "--") {
    if (std::string_view(argv[at]) == "--bare") {
      orders.is_bare = true;
      ++at;
      continue;
    }
    if (!read_option(argv[at], argv[at + 1], orders)) {
      std::fprintf(stderr, "isa-shim: cannot use the argument %s %s\n", argv[at], argv[at + 1]);
      return false;
    }
    at += 2;
  }
  const bool has_program = at + 1 < argc && std::string_view(argv[at]) == "--";
  const bool drops_to_root = orders.drop && (orders.uid == 0 || orders.gid == 0);
  if (!has_program || !orders.dir || drops_to_root) {
    std::fprintf(stderr,
                 "isa-shim: needs --dir, a program after -- and, with --uid, a --gid; neither may be 0\n");
    return false;
  }
  if (orders.is_bare && (orders.drop || orders.gid != 0 || orders.stage_count > 0)) {
    std::fprintf(stderr, "isa-shim: --bare goes without --uid, --gid and --stage\n");
    return false;
  }
  orders.program = argv + at + 1;
  return true;
}

}  // namespace isa::shim
