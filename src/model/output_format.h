// The form that an answer must have (`response_format`), on its way to providers that may not know it.
#pragma once

#include "model/provider.h"

#include <map>

namespace isa::model {

// A form that says something: not "text".
bool asks_for_format(const sdk::ChatRequest& request);

// Takes the form out of the request, also of what a caller of the provider's dialect said about it, and says
// it in the system prompt instead, unless that says it already.
void say_format_in_prompt(sdk::ChatRequest& request);

// Which models refused which forms, so that they are not asked again each time. Per form, since one may be
// refused for what is in its schema; a model that took none and refused two knows none. Bounded, in memory,
// and forgotten after a while: servers learn.
class FormatMemory {
 public:
  using Time = Deadline::Clock::time_point;
  bool is_refused(const std::string& model, std::size_t format, Time now) const;
  void note_refused(const std::string& model, std::size_t format, Time now);
  void note_taken(const std::string& model, Time now);

 private:
  struct Refusal {
    std::size_t format;
    Time at;
  };
  struct Model {
    bool took_one = false;
    Time last;
    std::vector<Refusal> refusals;
  };
  Model& model_of(const std::string& name, Time now);

  std::map<std::string, Model> models_;
};

// Opens an answer of the provider. One that refuses the form of the answer is asked once more without, with
// the form in the prompt.
Task<Result<std::unique_ptr<ChatStream>>> open_answer(Provider& provider, sdk::ChatRequest request,
                                                      Deadline deadline, FormatMemory& memory);

}  // namespace isa::model
