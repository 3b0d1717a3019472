// Which provider serves a model, and which models there are.
#pragma once

#include "model/price_book.h"
#include "model/provider.h"
#include "model/settings.h"
#include "net/client.h"

#include <chrono>

namespace isa::model {

struct Route {
  Provider* provider = nullptr;
  std::string model;  // Without the provider's prefix.
  std::optional<Price> price = std::nullopt;

  std::string model_id() const { return fmt::format("{}/{}", provider->name(), model); }
};

// Lives on one event loop.
class Catalogue {
 public:
  Catalogue(const Settings& settings, net::Client& client);

  // `provider/name`, or a bare name that a provider knows by its beginning; empty is the default model.
  // Errors: not_found (model_not_found), failed_dependency (model_not_configured).
  Result<Route> resolve(std::string_view model_id) const;

  // By their full ids, builtin/demo first. A provider that does not answer in time is left out until it is
  // asked again; what it answered is kept for a few minutes.
  Task<std::vector<ListedModel>> list();

  // Provider -> "ok", "not configured", "not asked yet", or why it gave no list of its models, as the last
  // list() saw it.
  std::map<std::string, std::string> dependencies() const;

 private:
  struct Entry {
    std::unique_ptr<Provider> provider;
    std::vector<std::string> models;
    std::optional<Error> failure;
    Deadline::Clock::time_point fresh_until{};
    bool was_asked = false;
  };
  Task<void> refresh(Entry& entry) const;
  Provider* find(std::string_view name) const;
  Result<Route> route_of(std::string_view model_id) const;

  std::string default_model_;
  PriceBook prices_;
  std::chrono::milliseconds list_timeout_;
  std::vector<Entry> entries_;
};

}  // namespace isa::model
