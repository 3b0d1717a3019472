// isa-bench [P1|P2|P3|P9|P10 ...]: prints rows of a Markdown table. bench/run adds the head and the machine.
#include "figures.h"
#include "http.h"

#include <cstring>
#include <map>
#include <string>

int main(int argc, char** argv) {
  using namespace isa::bench;
  const std::map<std::string, void (*)()> figures = {{"P1", warm_acquire},
                                                     {"P2", cold_create},
                                                     {"P3", chat_overhead},
                                                     {"P9", start_and_memory},
                                                     {"P10", binary_size}};
  if (argc < 2) {
    for (const char* name : {"P1", "P2", "P3", "P9", "P10"}) figures.at(name)();
    return 0;
  }
  for (int i = 1; i < argc; ++i) {
    const auto figure = figures.find(argv[i]);
    if (figure == figures.end()) die(std::string("no figure ") + argv[i] + "; there are P1, P2, P3, P9, P10");
    figure->second();
  }
}
