// A page of the web as a tree, by Gumbo, which reads whatever a browser reads.
#pragma once

#include "base/deadline.h"
#include "base/result.h"

#include <memory>
#include <string_view>

struct GumboInternalNode;

namespace isa::sdk {

// Gumbo trusts its input: some pages take it quadratic time, or a tree too deep for its own clean-up. So it
// gets its memory here, where both end at a limit, and where everything is freed without walking the tree.
class HtmlDocument {
 public:
  static constexpr std::size_t kMemoryMax = 64 << 20;  // Bytes of one tree.

  // `html` must outlive the document. Blocks until the deadline at most. Errors: payload_too_large, timeout.
  static Result<HtmlDocument> parse(std::string_view html, Deadline deadline);
  HtmlDocument(HtmlDocument&&) noexcept;
  HtmlDocument& operator=(HtmlDocument&&) noexcept;
  ~HtmlDocument();

  const GumboInternalNode* document() const { return document_; }

 private:
  struct Memory;
  HtmlDocument(std::unique_ptr<Memory> memory, const GumboInternalNode* document);

  std::unique_ptr<Memory> memory_;
  const GumboInternalNode* document_;
};

}  // namespace isa::sdk
