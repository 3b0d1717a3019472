#include "model/catalogue.h"

#include "model/anthropic/anthropic_provider.h"
#include "model/demo/demo_provider.h"
#include "model/openai_provider.h"

namespace isa::model {
namespace {

using namespace std::chrono_literals;

constexpr auto kListKept = 5min;
constexpr auto kFailureKept = 30s;

Error model_not_found(std::string_view model_id, std::string_view hint) {
  return not_found("there is no model '{}': {}", model_id, hint)
      .with_code("model_not_found")
      .with_param("model");
}

}  // namespace

Catalogue::Catalogue(const Settings& settings, net::Client& client)
    : default_model_(settings.default_model), prices_(settings), list_timeout_(settings.list_timeout) {
  entries_.emplace_back().provider = demo::make_demo_provider(settings.demo_delay);
  // The order decides about a bare name: Claude's own before a compatible server, which may serve anything.
  entries_.emplace_back().provider = anthropic::make_anthropic_provider(settings, client);
  entries_.emplace_back().provider = make_openai_provider(settings, client);
}

Provider* Catalogue::find(std::string_view name) const {
  for (const auto& entry : entries_)
    if (entry.provider->name() == name) return entry.provider.get();
  return nullptr;
}

Result<Route> Catalogue::resolve(std::string_view model_id) const {
  ISA_TRY(auto route, route_of(model_id));
  route.price = prices_.find(route.model_id());
  return route;
}

Result<Route> Catalogue::route_of(std::string_view model_id) const {
  if (model_id.empty()) model_id = default_model_;
  Route route;
  if (const auto slash = model_id.find('/'); slash != std::string_view::npos) {
    route = {find(model_id.substr(0, slash)), std::string(model_id.substr(slash + 1))};
    if (!route.provider)
      return model_not_found(model_id, "the part before the slash must be builtin, openai or anthropic");
    if (route.model.empty()) return model_not_found(model_id, "the name after the slash is missing");
    if (route.provider->name() == "builtin" && !route.provider->knows(route.model))
      return model_not_found(model_id, "the only built-in model is builtin/demo");
  } else {
    for (const auto& entry : entries_) {
      if (entry.provider->name() == "builtin" || !entry.provider->knows(model_id)) continue;
      route = {entry.provider.get(), std::string(model_id)};
      break;
    }
    // OpenAI's own names are known; what is left needs a server that is compatible with it.
    if (!route.provider) {
      auto* openai = find("openai");
      ISA_TRYV(openai->ready());
      route = {openai, std::string(model_id)};
    }
  }
  ISA_TRYV(route.provider->ready());
  return route;
}

Task<std::vector<ListedModel>> Catalogue::list() {
  std::vector<ListedModel> models;
  for (auto& entry : entries_) {
    if (!entry.provider->ready()) continue;
    if (Deadline::Clock::now() >= entry.fresh_until) co_await refresh(entry);
    for (const auto& model : entry.models) {
      auto id = fmt::format("{}/{}", entry.provider->name(), model);
      auto price = prices_.find(id);
      models.push_back({std::move(id), price});
    }
  }
  co_return models;
}

Task<void> Catalogue::refresh(Entry& entry) const {
  const auto deadline = Deadline::after(list_timeout_);
  auto models = co_await entry.provider->models(deadline);
  entry.was_asked = true;
  entry.fresh_until = Deadline::Clock::now() + (models ? Deadline::Clock::duration(kListKept) : kFailureKept);
  entry.failure.reset();
  if (models)
    entry.models = *std::move(models);
  else
    entry.failure = std::move(models).error();
}

std::map<std::string, std::string> Catalogue::dependencies() const {
  std::map<std::string, std::string> to;
  for (const auto& entry : entries_) {
    if (entry.provider->name() == "builtin") continue;
    auto& state = to[std::string(entry.provider->name())];
    if (!entry.provider->ready())
      state = "not configured";
    else if (!entry.was_asked)
      state = "not asked yet";
    else
      state = entry.failure ? entry.failure->message() : "ok";
  }
  return to;
}

}  // namespace isa::model
