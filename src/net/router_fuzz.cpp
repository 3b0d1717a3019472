// Any target is either refused or cut, matched and decoded without a parameter that spans segments.
#include "net/router.h"
#include "net/target.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace isa::net;

void check(bool holds) {
  if (!holds) std::abort();
}

isa::Task<isa::Result<Response>> unused(Request&) {
  co_return Response();
}

Router make_router() {
  Router router;
  for (const char* pattern :
       {"/", "/a", "/a/{x}", "/a/{x}/b", "/a/b/{y}", "/a/{x}/{y}", "/s/{rest...}", "/a/{x}/b/{z...}"})
    router.add({Method::get, pattern, unused, {}});
  router.add({Method::post, "/a/{x}", unused, {}});
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Router router = make_router();
  const std::string_view target(reinterpret_cast<const char*>(data), size);
  check(percent_decode(percent_encode(target)) == target);
  check(percent_decode(target).size() <= target.size());
  const auto parts = split_target(target);
  if (!parts) return 0;
  for (const auto& [name, value] : parse_query(parts->query))
    check(name.size() + value.size() <= parts->query.size());
  for (const auto method : {Method::get, Method::head, Method::post, Method::del}) {
    const auto match = router.match(method, parts->path);
    check(match.route == nullptr || match.allowed.empty());
    if (match.route == nullptr) continue;
    for (const auto& [name, value] : match.params) {
      if (name == "rest" || name == "z") continue;
      check(!value.empty());
      const bool has_encoded_slash = parts->path.find("%2f") != std::string_view::npos ||
                                     parts->path.find("%2F") != std::string_view::npos;
      check(value.find('/') == std::string::npos || has_encoded_slash);
    }
  }
  return 0;
}
