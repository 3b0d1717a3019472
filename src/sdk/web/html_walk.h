// Over Gumbo's tree without recursion: a page decides how deep it is.
#pragma once

#include <gumbo.h>
#include <string_view>

namespace isa::sdk {

inline bool is_element(const GumboNode& node) {
  return node.type == GUMBO_NODE_ELEMENT || node.type == GUMBO_NODE_TEMPLATE;
}
inline bool is_text(const GumboNode& node) {
  return node.type == GUMBO_NODE_TEXT || node.type == GUMBO_NODE_CDATA || node.type == GUMBO_NODE_WHITESPACE;
}
// GUMBO_TAG_UNKNOWN of what is no element.
inline GumboTag tag_of(const GumboNode& node) {
  return is_element(node) ? node.v.element.tag : GUMBO_TAG_UNKNOWN;
}
inline bool has_attribute(const GumboNode& node, const char* name) {
  return is_element(node) && gumbo_get_attribute(&node.v.element.attributes, name) != nullptr;
}
inline std::string_view attribute(const GumboNode& node, const char* name) {
  if (!is_element(node)) return {};
  const auto* found = gumbo_get_attribute(&node.v.element.attributes, name);
  return found ? std::string_view(found->value) : std::string_view();
}

inline const GumboVector* children_of(const GumboNode& node) {
  if (is_element(node)) return &node.v.element.children;
  return node.type == GUMBO_NODE_DOCUMENT ? &node.v.document.children : nullptr;
}

// enter() says whether to go on below that node; leave() follows for every node for which it said so.
template <class Enter, class Leave>
void walk(const GumboNode& root, Enter enter, Leave leave) {
  const GumboNode* at = &root;
  for (;;) {
    const bool goes_below = enter(*at);
    const auto* children = children_of(*at);
    if (goes_below && children && children->length > 0) {
      at = static_cast<const GumboNode*>(children->data[0]);
      continue;
    }
    if (goes_below) leave(*at);
    // Up, until there is a next one.
    for (;;) {
      if (at == &root) return;
      const auto* siblings = children_of(*at->parent);
      const auto next = at->index_within_parent + 1;
      if (next < siblings->length) {
        at = static_cast<const GumboNode*>(siblings->data[next]);
        break;
      }
      at = at->parent;
      leave(*at);
    }
  }
}

}  // namespace isa::sdk
