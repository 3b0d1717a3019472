#include "app/settings_source.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <fstream>

namespace isa::app {
namespace {

const std::vector<config::Description> kKnown = {
    {"data_dir", "", ""}, {"model.openai.api_key", "", ""}, {"egress.hosts", "", ""}};

class SettingsSourceTest : public ::testing::Test {
 protected:
  SettingsInput with_file(const std::string& text) {
    std::ofstream(folder_ / "isa.yaml") << text;
    SettingsInput input;
    input.config_file = (folder_ / "isa.yaml").string();
    return input;
  }
  testing::TempFolder folder_;
};

TEST_F(SettingsSourceTest, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  auto input = with_file("data_dir: /file\nmodel:\n  openai:\n    api_key: file\n");
  input.environment = {"ISA_DATA_DIR=/environment", "ISA_MODEL_OPENAI_API_KEY=environment"};
  input.flags = {{"data_dir", "/flag"}};

  const auto merged = merge_settings(input, kKnown).value();

  EXPECT_EQ(merged.at("data_dir").text, "/flag");
  EXPECT_EQ(merged.at("model.openai.api_key").text, "environment");
}

TEST_F(SettingsSourceTest, AListInTheFileIsJoinedByCommas) {
  EXPECT_EQ(
      merge_settings(with_file("egress: {hosts: [a.example, b.example]}\n"), kKnown)->at("egress.hosts").text,
      "a.example,b.example");
}

TEST_F(SettingsSourceTest, AMisspeltSettingIsAnErrorThatGuessesTheRightOne) {
  const auto refused = merge_settings(with_file("data_dri: /x\n"), kKnown);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("did you mean data_dir?"), std::string::npos);
  EXPECT_NE(refused.error().message().find("isa.yaml:1"), std::string::npos);
}

TEST_F(SettingsSourceTest, AMisspeltVariableIsAnErrorThatNamesIt) {
  SettingsInput input;
  input.environment = {"ISA_DATADIR=/x"};
  EXPECT_NE(merge_settings(input, kKnown).error().message().find("ISA_DATADIR"), std::string::npos);
}

TEST_F(SettingsSourceTest, TheProvidersOwnVariablesAreUnderstoodButNotPreferred) {
  SettingsInput input;
  input.environment = {"ISA_MODEL_OPENAI_API_KEY=ours", "OPENAI_API_KEY=usual"};
  EXPECT_EQ(merge_settings(input, kKnown)->at("model.openai.api_key").text, "ours");
  input.environment = {"OPENAI_API_KEY=usual"};
  EXPECT_EQ(merge_settings(input, kKnown)->at("model.openai.api_key").text, "usual");
}

TEST_F(SettingsSourceTest, BrokenYamlNamesTheLine) {
  EXPECT_NE(merge_settings(with_file("a: b\n  c: [\n"), kKnown).error().message().find("isa.yaml:"),
            std::string::npos);
}

}  // namespace
}  // namespace isa::app
