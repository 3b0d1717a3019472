#pragma once

#include "model/provider.h"

#include <chrono>

namespace isa::model::demo {

// builtin/demo: streams its answer word by word, each after `delay`.
std::unique_ptr<Provider> make_demo_provider(std::chrono::milliseconds delay);

}  // namespace isa::model::demo
