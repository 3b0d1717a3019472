#include "sdk/plan_checkpoints.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

struct Checkpoints : ::testing::Test {
  PlanProgress progress;

  bool finishes(std::int64_t every, std::initializer_list<std::string> ids, const char* status = "done") {
    json::array steps;
    for (const auto& id : ids) steps.push_back(json::object{{"id", id}, {"status", status}});
    return PlanCheckpoints(every, progress).reached_by("update_plan", {{"steps", std::move(steps)}});
  }
};

TEST_F(Checkpoints, ComeAfterSoManyFinishedSteps) {
  EXPECT_FALSE(finishes(2, {"1"}));
  EXPECT_TRUE(finishes(2, {"2"}, "skipped"));
  EXPECT_FALSE(finishes(2, {"3"}, "failed"));
  EXPECT_TRUE(finishes(2, {"4", "5"}));
  EXPECT_TRUE(finishes(2, {"6"}));
}

TEST_F(Checkpoints, SeveralAtOnceAreOne) {
  EXPECT_TRUE(finishes(2, {"1", "2", "3", "4", "5"}));
  EXPECT_TRUE(finishes(2, {"6"}));
}

TEST_F(Checkpoints, CountAStepOnceAndOnlyWhenItIsFinished) {
  EXPECT_FALSE(finishes(2, {"1"}));
  EXPECT_FALSE(finishes(2, {"1"}));
  EXPECT_FALSE(finishes(2, {"2"}, "in_progress"));
  EXPECT_TRUE(finishes(2, {"2"}));
  EXPECT_FALSE(finishes(2, {"2"}));
}

TEST_F(Checkpoints, BeginAnewWithANewPlan) {
  EXPECT_FALSE(finishes(2, {"1"}));
  EXPECT_FALSE(PlanCheckpoints(2, progress).reached_by("create_plan", {}));
  EXPECT_FALSE(finishes(2, {"1"}));
  EXPECT_TRUE(finishes(2, {"2"}));
}

TEST_F(Checkpoints, AreNotThereWithoutANumberAndBearAnyArguments) {
  EXPECT_FALSE(finishes(0, {"1", "2", "3"}));
  PlanCheckpoints checkpoints(1, progress);
  EXPECT_FALSE(checkpoints.reached_by("update_plan", {}));
  EXPECT_FALSE(checkpoints.reached_by("update_plan", {{"steps", 7}}));
  EXPECT_FALSE(checkpoints.reached_by("update_plan", {{"steps", json::array{1, json::object{{"id", 2}}}}}));
  EXPECT_FALSE(finishes(1, {std::string(21, 'x')}));
}

}  // namespace
}  // namespace isa::sdk
