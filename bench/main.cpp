// isa-bench [P1|P2|P3|P5|P8|P9|P10|N12 ...]: prints rows of a Markdown table. bench/run adds the head and the
// machine.
#include "figures.h"
#include "http.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

int main(int argc, char** argv) {
  using namespace isa::bench;
  const std::vector<std::pair<std::string, void (*)()>> figures = {
      {"P1", warm_acquire},    {"P2", cold_create},      {"P3", chat_overhead}, {"P5", idle_memory},
      {"P8", runs_per_second}, {"P9", start_and_memory}, {"P10", binary_size},  {"N12", first_output}};
  std::string names;
  for (const auto& [name, measure] : figures) {
    names += " " + name;
    if (argc < 2) measure();
  }
  for (int i = 1; i < argc; ++i) {
    const auto figure = std::ranges::find(figures, argv[i], [](const auto& one) { return one.first; });
    if (figure == figures.end()) die(std::string("no figure ") + argv[i] + "; there are" + names);
    figure->second();
  }
}
