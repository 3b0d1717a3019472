#include "sdk/web/html_document.h"

#include <csetjmp>
#include <cstdlib>
#include <gumbo.h>

namespace isa::sdk {

// Every block that Gumbo holds, in a list.
struct HtmlDocument::Memory {
  enum Stop { none, too_large, too_slow };

  struct alignas(std::max_align_t) Block {
    Block* next;
    Block* previous;
    std::size_t size;
  };

  explicit Memory(Deadline end) : deadline(end) { blocks.next = blocks.previous = &blocks; }
  Memory(const Memory&) = delete;
  ~Memory() {
    for (Block* block = blocks.next; block != &blocks;) std::free(std::exchange(block, block->next));
  }

  static void* allocate(void* self, std::size_t size) {
    auto& memory = *static_cast<Memory*>(self);
    // The clock is looked at now and then only: it costs more than the allocation.
    constexpr unsigned kEvery = 64;
    if (++memory.allocations % kEvery == 0 && memory.deadline.passed()) memory.give_up(too_slow);
    if (memory.used + size > kMemoryMax) memory.give_up(too_large);
    auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + size));
    if (!block) memory.give_up(too_large);
    *block = {memory.blocks.next, &memory.blocks, size};
    block->next->previous = block;
    memory.blocks.next = block;
    memory.used += size + sizeof(Block);
    return block + 1;
  }
  static void release(void* self, void* bytes) {
    if (!bytes) return;
    auto* block = static_cast<Block*>(bytes) - 1;
    block->next->previous = block->previous;
    block->previous->next = block->next;
    static_cast<Memory*>(self)->used -= block->size + sizeof(Block);
    std::free(block);
  }
  // Gumbo is C and expects every allocation to succeed: there is no other way out of it.
  [[noreturn]] void give_up(Stop why) {
    stop = why;
    std::longjmp(way_out, 1);
  }

  // Nothing with a destructor may live between here and give_up().
  const GumboNode* parse(const char* html, std::size_t size) {
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = &allocate;
    options.deallocator = &release;
    options.userdata = this;
    options.max_errors = 0;
    if (setjmp(way_out) != 0) return nullptr;
    return gumbo_parse_with_options(&options, html, size)->document;
  }

  Deadline deadline;
  Block blocks{};
  std::size_t used = 0;
  unsigned allocations = 0;
  Stop stop = none;
  std::jmp_buf way_out;
};

HtmlDocument::HtmlDocument(std::unique_ptr<Memory> memory, const GumboInternalNode* document)
    : memory_(std::move(memory)), document_(document) {}
HtmlDocument::HtmlDocument(HtmlDocument&&) noexcept = default;
HtmlDocument& HtmlDocument::operator=(HtmlDocument&&) noexcept = default;
HtmlDocument::~HtmlDocument() = default;

Result<HtmlDocument> HtmlDocument::parse(std::string_view html, Deadline deadline) {
  auto memory = std::make_unique<Memory>(deadline);
  if (const auto* document = memory->parse(html.data(), html.size()))
    return HtmlDocument(std::move(memory), document);
  if (memory->stop == Memory::too_slow) return timeout("the page is built so that it cannot be read in time");
  return payload_too_large("the page holds too many elements to be read");
}

}  // namespace isa::sdk
