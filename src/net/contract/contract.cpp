#include "net/contract/contract.h"

#include "base/yaml/yaml.h"
#include "net/contract_routes.h"
#include "net/service_routes.h"

#include <map>
#include <set>

namespace isa::net {
namespace {

// What is said of one operation, by the file or by the code.
struct Operation {
  std::string access;
  std::size_t body_max = 0;
  bool takes_rest = false;
};
using Operations = std::map<std::string, Operation>;  // By "get /health".

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

// The files of a contract, each read once.
class Files {
 public:
  explicit Files(std::filesystem::path main) : main_(std::move(main)) {}

  const std::filesystem::path& main() const { return main_; }
  const json::value& read(const std::filesystem::path& file) {
    const auto found = files_.find(file);
    if (found != files_.end()) return found->second;
    auto document = read_yaml(file);
    if (!document) problems_.push_back(fmt::format("{}: {}", file.string(), document.error().message()));
    return files_.emplace(file, std::move(document).value_or(json::value())).first->second;
  }
  // What `reference`, which stands in `from`, leads to; null when there is nothing.
  const json::value* follow(std::string_view reference, const std::filesystem::path& from) {
    const auto hash = reference.find('#');
    if (hash == std::string_view::npos) return nullptr;
    const auto other = reference.substr(0, hash);
    const auto& document = read(other.empty() ? from : from.parent_path() / other);
    boost::system::error_code ec;
    return document.find_pointer(reference.substr(hash + 1), ec);
  }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::filesystem::path main_;
  std::map<std::filesystem::path, json::value> files_;
  std::vector<std::string> problems_;
};

const json::object& object_of(const json::value* value) {
  static const json::object none;
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

// The object, or what its $ref leads to.
const json::object& resolved(Files& files, const json::value& value) {
  const auto* reference = object_of(&value).if_contains("$ref");
  if (reference == nullptr || !reference->is_string()) return object_of(&value);
  return object_of(files.follow(reference->get_string(), files.main()));
}

std::string access_of(const json::object& operation) {
  const auto* security = operation.if_contains("security");
  if (security == nullptr || !security->is_array()) return "users";
  const auto& ways = security->get_array();
  if (ways.empty()) return "everybody";
  const auto& way = object_of(&ways[0]);
  const bool is_internal = ways.size() == 1 && way.size() == 2 && way.contains("internalService") &&
                           way.contains("internalSecret");
  return is_internal ? "other roles only" : "users";
}

bool has_rest(Files& files, const json::object& holder) {
  const auto* parameters = holder.if_contains("parameters");
  if (parameters == nullptr || !parameters->is_array()) return false;
  for (const auto& parameter : parameters->get_array())
    if (const auto* rest = resolved(files, parameter).if_contains("x-rest"); rest && *rest == true)
      return true;
  return false;
}

Operations described(Files& files) {
  static const std::set<std::string_view> methods = {"get",    "put",  "post",   "patch",
                                                     "delete", "head", "options"};
  Operations operations;
  const auto& document = object_of(&files.read(files.main()));
  for (const auto& path : object_of(document.if_contains("paths"))) {
    const auto& item = resolved(files, path.value());
    for (const auto& entry : item) {
      if (!methods.contains(entry.key())) continue;
      const auto& operation = object_of(&entry.value());
      const auto* body_max = operation.if_contains("x-body-max");
      auto& to =
          operations[fmt::format("{} {}", std::string_view(entry.key()), std::string_view(path.key()))];
      to.access = access_of(operation);
      to.body_max = body_max != nullptr && body_max->is_int64()
                        ? static_cast<std::size_t>(body_max->get_int64())
                        : RouteOptions().body_max;
      to.takes_rest = has_rest(files, item) || has_rest(files, operation);
    }
  }
  return operations;
}

Operations served_by(Router router) {
  ServiceInfo info;
  info.metrics_page = [] { return std::string(); };
  add_service_routes(router, std::move(info));
  add_contract_routes(router, {}, {});
  Operations operations;
  for (const auto& route : router.routes()) {
    auto pattern = route.pattern;
    const bool takes_rest = pattern.ends_with("...}");
    if (takes_rest) pattern.erase(pattern.size() - 4, 3);
    auto& to = operations[lower(to_string(route.method)) + " " + pattern];
    to.access = route.options.is_internal ? "other roles only"
                : route.options.is_public ? "everybody"
                                          : "users";
    to.body_max = route.options.body_max;
    to.takes_rest = takes_rest;
  }
  return operations;
}

void collect_references(const json::value& from, std::set<std::string>& to) {
  if (const auto* object = from.if_object()) {
    for (const auto& entry : *object) {
      if (entry.key() == "$ref" && entry.value().is_string()) to.emplace(entry.value().get_string());
      collect_references(entry.value(), to);
    }
  } else if (const auto* list = from.if_array()) {
    for (const auto& item : *list) collect_references(item, to);
  }
}

}  // namespace

std::filesystem::path contract_of(std::string_view role) {
  return fmt::format("{}/{}.openapi.yaml", ISA_API_DIR, role);
}

std::vector<std::string> differences(Router router, const std::filesystem::path& file) {
  Files files(file);
  const auto in_file = described(files);
  const auto served = served_by(std::move(router));
  auto found = files.problems();
  for (const auto& [name, operation] : served) {
    const auto other = in_file.find(name);
    if (other == in_file.end()) {
      found.push_back(fmt::format("{} is served but not described", name));
      continue;
    }
    const auto& says = other->second;
    if (says.access != operation.access)
      found.push_back(fmt::format("{} serves {}, but the file says {}", name, operation.access, says.access));
    if (says.body_max != operation.body_max)
      found.push_back(fmt::format("{} takes bodies of {} bytes, but the file says {} (x-body-max)", name,
                                  operation.body_max, says.body_max));
    if (says.takes_rest != operation.takes_rest)
      found.push_back(
          fmt::format("{}: the path's last parameter {} slashes; the file says otherwise (x-rest)", name,
                      operation.takes_rest ? "takes" : "does not take"));
  }
  for (const auto& [name, operation] : in_file)
    if (!served.contains(name)) found.push_back(fmt::format("{} is described but not served", name));
  return found;
}

std::vector<std::string> broken_references(const std::filesystem::path& file) {
  Files files(file);
  std::set<std::string> references;
  collect_references(files.read(file), references);
  std::vector<std::string> broken;
  for (const auto& reference : references)
    if (files.follow(reference, file) == nullptr) broken.push_back(reference);
  broken.insert(broken.end(), files.problems().begin(), files.problems().end());
  return broken;
}

}  // namespace isa::net
