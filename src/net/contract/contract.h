// For tests: the contract of a role, api/<role>.openapi.yaml, held against the routes that it serves.
#pragma once

#include "net/router.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace isa::net {

// api/<role>.openapi.yaml of the source.
std::filesystem::path contract_of(std::string_view role);

// Where the routes of a role (to which those that every role has are added) and the file that describes them
// differ, a sentence each; empty when they agree. Compared both ways: every route is described and nothing
// else is, and of each
//   who may call it     `security: []` says everybody, [{internalService, internalSecret}] other roles only;
//   the largest body    `x-body-max` in bytes, 1 MiB where it is not said;
//   {rest...} at the end of the path is {rest} in the file, with `x-rest: true` at the parameter.
std::vector<std::string> differences(Router served, const std::filesystem::path& file);

// Every `$ref` of the file that leads nowhere, into the files beside it too.
std::vector<std::string> broken_references(const std::filesystem::path& file);

}  // namespace isa::net
