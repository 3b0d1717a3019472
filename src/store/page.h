#pragma once

#include "base/async.h"
#include "base/result.h"

#include <string>
#include <vector>

namespace isa::store {

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_cursor;  // Empty on the last page.
};

}  // namespace isa::store
