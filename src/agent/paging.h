#pragma once

#include "net/http.h"
#include "store/page.h"

namespace isa::agent {

struct PageAsked {
  std::string cursor;
  std::size_t limit = 50;
};

// ?limit= (1 to `most`) and ?cursor=.
Result<PageAsked> page_asked(const net::Request& request, std::size_t most = 200);

// {<name>: [...], "next_cursor": string | null}
template <class T>
json::value page_body(std::string_view name, const store::Page<T>& page) {
  json::object body;
  body[name] = json::write(page.items);
  body["next_cursor"] = page.next_cursor.empty() ? json::value(nullptr) : json::value(page.next_cursor);
  return body;
}

}  // namespace isa::agent
