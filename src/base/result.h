// Result<T>: the only way a function says "this can fail for a reason the caller handles".
//
//   Result<Agent> agent = parse(body);                  // test with `if (!agent)`
//   ISA_TRY(auto agent, parse(body));                   // in functions:  return the error upwards
//   ISA_CO_TRY(auto row, co_await store.find(id));      // in coroutines: co_return it
//   ISA_TRYV(check(agent)); ISA_CO_TRYV(co_await ...);  // the same for Result<void>
//   return not_found("agent {} does not exist", id);    // an Error converts to any Result
#pragma once

#include "base/error.h"

#include <expected>

namespace isa {

template <class T = void>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

inline Result<void> ok() {
  return {};
}

}  // namespace isa

#define ISA_CONCAT_IMPL(a, b) a##b
#define ISA_CONCAT(a, b) ISA_CONCAT_IMPL(a, b)
#define ISA_TRY_IMPL(result, leave, declaration, ...)           \
  auto result = (__VA_ARGS__);                                  \
  if (!result) leave ::isa::Failure(std::move(result).error()); \
  declaration = *std::move(result)
#define ISA_TRYV_IMPL(result, leave, ...)                                                      \
  do {                                                                                         \
    if (auto result = (__VA_ARGS__); !result) leave ::isa::Failure(std::move(result).error()); \
  } while (false)

#define ISA_TRY(declaration, ...) \
  ISA_TRY_IMPL(ISA_CONCAT(isa_result_, __LINE__), return, declaration, __VA_ARGS__)
#define ISA_CO_TRY(declaration, ...) \
  ISA_TRY_IMPL(ISA_CONCAT(isa_result_, __LINE__), co_return, declaration, __VA_ARGS__)
#define ISA_TRYV(...) ISA_TRYV_IMPL(ISA_CONCAT(isa_result_, __LINE__), return, __VA_ARGS__)
#define ISA_CO_TRYV(...) ISA_TRYV_IMPL(ISA_CONCAT(isa_result_, __LINE__), co_return, __VA_ARGS__)
