// What the stores of agent configs and of teams have in common: JSON documents that belong to a user, are
// perhaps shared with an organization, and are kept in every version.
#pragma once

#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/engine.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace isa::store::sqlite {

struct DocumentTable {
  const char* noun;        // In errors: "agent".
  const char* name;        // Has the columns id, owner_id, org_id, visibility, version, updated_at, document.
  const char* versions;    // Has the columns `key`, version, document.
  const char* key;         // The id of the document, there.
  const char* alive = "";  // " AND ...": what else holds of a row that is not deleted.
};

// The contract is that of AgentConfigStore (store/agent_config.h).
template <class T>
class Documents {
 public:
  using Id = decltype(T::id);
  static constexpr std::size_t kMaxPage = 1000;
  static constexpr std::size_t kVersionsBytes = std::size_t{4} << 20;  // A page of versions ends after these.

  explicit constexpr Documents(DocumentTable table) : table_(table) {}

  static Result<T> read(const Row& row) {
    ISA_TRY(const auto document, parse_document(row.bytes(0)));
    return json::read<T>(document);
  }

  Error no_such(const Id& id) const { return not_found("{} {} does not exist", table_.noun, id.value()); }

  Error changed_meanwhile(const T& current) const {
    return conflict(
        "{} {} is at version {} now: somebody else changed it; read it again and repeat the change",
        table_.noun, current.id.value(), current.version);
  }

  Result<T> find_visible(Database& db, const Identity& scope, const Id& id) const {
    const auto sql = fmt::format("SELECT document FROM {} WHERE id = ?1{}", table_.name, table_.alive);
    ISA_TRY(auto found, find_one(db, read, sql, id));
    if (!found || !may_see(scope, ownership(*found))) return no_such(id);
    return *std::move(found);
  }

  Result<T> find_changeable(Database& db, const Identity& scope, const Id& id) const {
    ISA_TRY(auto found, find_visible(db, scope, id));
    if (!may_change(scope, ownership(found)))
      return insufficient_permissions(
          "{} {} is shared with you; only its owner or an admin of its organization can change it",
          table_.noun, id.value());
    return found;
  }

  Result<void> insert(Database& db, const T& item) const {
    const auto document = json::serialize(json::write(item));
    const auto sql = fmt::format(
        "INSERT INTO {} (id, owner_id, org_id, visibility, version, updated_at, document) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        table_.name);
    ISA_TRY(const auto added, change(db, sql, item.id, item.owner_id, item.org_id, item.visibility,
                                     item.version, item.updated_at, document));
    if (added == 0) return conflict("the {} id {} is taken", table_.noun, item.id.value());
    return save_version(db, item, document);
  }

  // Keeps id, owner_id and created_at of `current`.
  Result<T> replace(Database& db, const T& current, T next) const {
    if (next.version != current.version + 1) return changed_meanwhile(current);
    next.owner_id = current.owner_id;
    next.created_at = current.created_at;
    const auto document = json::serialize(json::write(next));
    const auto sql = fmt::format(
        "UPDATE {} SET org_id = ?2, visibility = ?3, version = ?4, updated_at = ?5, document = ?6 "
        "WHERE id = ?1",
        table_.name);
    ISA_TRYV(run(db, sql, next.id, next.org_id, next.visibility, next.version, next.updated_at, document));
    ISA_TRYV(save_version(db, next, document));
    return next;
  }

  Result<Page<T>> page(Database& db, const Identity& scope, const std::string& cursor,
                       std::size_t limit) const {
    const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
    ISA_TRY(const auto after, parse_cursor(cursor));
    Page<T> page;
    // One more than asked for tells whether there is a next page.
    ISA_TRY(page.items, newest(db, scope, after, static_cast<std::int64_t>(size) + 1));
    if (page.items.size() > size) {
      page.items.resize(size);
      page.next_cursor = to_text({to_millis(page.items.back().updated_at), page.items.back().id.value()});
    }
    return page;
  }

  // Newest first. One by one, so that no more is ever held than the page and the version after it.
  Result<Page<T>> versions(Database& db, const Identity& scope, const Id& id, const std::string& cursor,
                           std::size_t limit) const {
    ISA_TRYV(find_visible(db, scope, id));
    ISA_TRY(auto last, parse_cursor(cursor));
    const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
    const auto sql =
        fmt::format("SELECT document FROM {} WHERE {} = ?1 AND version < ?2 ORDER BY version DESC LIMIT 1",
                    table_.versions, table_.key);
    Page<T> page;
    for (std::size_t bytes = 0;;) {
      ISA_TRY(auto next, find_one(db, read_sized, sql, id, last.position));
      if (!next) return page;
      if (page.items.size() == size || bytes > kVersionsBytes) {
        page.next_cursor = to_text({last.position, id.value()});
        return page;
      }
      last.position = next->item.version;
      bytes += next->bytes;
      page.items.push_back(std::move(next->item));
    }
  }

  Result<T> find_version(Database& db, const Identity& scope, const Id& id, std::int64_t version) const {
    ISA_TRYV(find_visible(db, scope, id));
    const auto sql =
        fmt::format("SELECT document FROM {} WHERE {} = ?1 AND version = ?2", table_.versions, table_.key);
    ISA_TRY(auto found, find_one(db, read, sql, id, version));
    if (!found) return not_found("{} {} has no version {}", table_.noun, id.value(), version);
    return *std::move(found);
  }

 private:
  struct Sized {
    T item;
    std::size_t bytes = 0;
  };
  static Result<Sized> read_sized(const Row& row) {
    ISA_TRY(auto item, read(row));
    return Sized{std::move(item), row.bytes(0).size()};
  }

  static Ownership ownership(const T& item) { return {item.owner_id, item.org_id, item.visibility}; }

  Result<void> save_version(Database& db, const T& item, const std::string& document) const {
    const auto sql = fmt::format("INSERT INTO {} ({}, version, document) VALUES (?1, ?2, ?3)",
                                 table_.versions, table_.key);
    return run(db, sql, item.id, item.version, document);
  }

  // Each source of rows (own, or of one org) is read through an index of its own, as far as the page needs;
  // so a page costs the same however many rows there are.
  Result<std::vector<T>> newest(Database& db, const Identity& scope, const Cursor& after,
                                std::int64_t count) const {
    const auto select = [&](std::string_view where) {
      return fmt::format(
          "SELECT document FROM {} WHERE {}(updated_at, id) < (?1, ?2){} "
          "ORDER BY updated_at DESC, id DESC LIMIT ?3",
          table_.name, where, table_.alive);
    };
    if (is_platform(scope)) return find_all(db, read, select(""), after.position, after.id, count);
    ISA_TRY(auto found,
            find_all(db, read, select("owner_id = ?4 AND "), after.position, after.id, count, scope.user));
    std::set<OrgId> orgs;
    for (const auto& membership : scope.orgs) orgs.insert(membership.org);
    for (const auto& org : orgs) {
      ISA_TRY(auto shared, find_all(db, read, select("org_id = ?4 AND visibility = 'org' AND "),
                                    after.position, after.id, count, org));
      for (auto& item : shared)
        if (item.owner_id != scope.user) found.push_back(std::move(item));
    }
    std::ranges::sort(found, [](const T& a, const T& b) {
      return std::tie(a.updated_at, a.id) > std::tie(b.updated_at, b.id);
    });
    return found;
  }

  DocumentTable table_;
};

}  // namespace isa::store::sqlite
