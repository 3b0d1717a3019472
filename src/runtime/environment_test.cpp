#include "runtime/runtime.h"

#include <gtest/gtest.h>

namespace isa::runtime {
namespace {

using Variables = std::map<std::string, std::string>;

TEST(Environment, TheVariablesOfThePlatformNameTheRealPorts) {
  const Variables from_broker{{"HTTPS_PROXY", "http://127.0.0.1:3128"}, {"NO_PROXY", "127.0.0.1,localhost"}};
  Variables env = from_broker;
  env["ISA_MODEL_URL"] = env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:8082";
  env["OPENAI_BASE_URL"] = "http://127.0.0.1:8082/v1";

  name_ports(env, from_broker, {.model = 4001, .proxy = 4002});

  EXPECT_EQ(env, (Variables{{"ISA_MODEL_URL", "http://127.0.0.1:4001"},
                            {"ANTHROPIC_BASE_URL", "http://127.0.0.1:4001"},
                            {"OPENAI_BASE_URL", "http://127.0.0.1:4001/v1"},
                            {"HTTPS_PROXY", "http://127.0.0.1:4002"},
                            {"NO_PROXY", "127.0.0.1,localhost"}}));
}

TEST(Environment, WhatSomebodyElseSetStaysAsItIs) {
  Variables env{{"OPENAI_BASE_URL", "http://127.0.0.1:80820/v1"},
                {"ISA_MODEL_URL", "https://models.example.com"},
                {"MINE", "http://127.0.0.1:8082"},
                {"MY_PROXY", "http://127.0.0.1:3128"}};
  const auto before = env;

  name_ports(env, {}, {.model = 4001, .proxy = 4002});

  EXPECT_EQ(env, before);
}

TEST(Environment, ThePortsOfASandboxWithItsOwnLoopbackAreTheUsualOnes) {
  Variables env{{"OPENAI_BASE_URL", "http://127.0.0.1:8082/v1"}};
  name_ports(env, {}, {});
  EXPECT_EQ(env.at("OPENAI_BASE_URL"), "http://127.0.0.1:8082/v1");
}

}  // namespace
}  // namespace isa::runtime
