#pragma once

#include "sdk/event.h"

#include <string>
#include <vector>

namespace isa::agent {

// The text that a run streams, piece by piece. Of a team each member's stands by itself: tasks that run at
// the same time speak in turns of a few letters.
class SaidText {
 public:
  void add(const sdk::Event& event);
  // What one said after the other, as paragraphs, in the order in which they began.
  std::string text() const;

 private:
  struct Paragraph {
    std::string agent;
    std::string task_id;
    std::string text;
  };
  std::vector<Paragraph> paragraphs_;
};

}  // namespace isa::agent
