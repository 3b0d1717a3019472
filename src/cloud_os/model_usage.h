// What the answer of a model says of its usage, in either provider's words.
#pragma once

#include "net/http.h"
#include "sdk/chat.h"

#include <optional>
#include <string>
#include <string_view>

namespace isa::cloud_os {

// Reads along. Whole: a JSON document. Streamed: events, and the comment `: usage {...}` in which our model
// service says at the end what the call used, whether the caller has asked for it or not.
class UsageReader {
 public:
  explicit UsageReader(bool is_stream) : is_stream_(is_stream) {}

  // Split anywhere. Never throws; what it does not understand it passes over.
  void feed(std::string_view bytes);
  // Of a document that is not streamed: it is over.
  void end();

  // What is said so far.
  const sdk::Usage& said() const { return said_; }
  // Whether that is all of it.
  bool is_whole() const { return is_whole_; }
  // An estimate of an answer that broke off, of `request_bytes` bytes of a question: what was said of it,
  // else four bytes for a token. Priced by `pricing`, as our model service says it in a header.
  sdk::Usage estimated(std::size_t request_bytes, std::string_view pricing) const;

 private:
  void read_line(std::string_view line);
  void read_document(std::string_view text);
  void take(const sdk::Usage& usage, bool is_whole);

  bool is_stream_;
  bool is_whole_ = false;
  std::string line_;  // Streamed: since the last line end. Whole: everything.
  sdk::Usage said_;
  std::size_t text_bytes_ = 0;  // Of what the model said.
};

inline constexpr const char* kPricingHeader = "X-Model-Pricing";

}  // namespace isa::cloud_os
