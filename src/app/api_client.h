// A person's way to a running platform: what the client commands (isa chat, isa agents, ...) share.
#pragma once

#include "net/client.h"

#include <functional>
#include <optional>
#include <string>

namespace isa::app {

struct ApiAddress {
  std::optional<std::string> url;   // --url or ISA_URL: of the agent service.
  std::optional<std::string> user;  // --user or ISA_USER; else the name of the user of the operating system.
  std::optional<std::string> api_key;  // ISA_API_KEY
  std::string data_dir;                // Where a platform of this machine writes endpoints.json.
};

// Where a role of the platform is: --url for the agent service, else endpoints.json, else the usual port.
Result<net::Url> find_role(const ApiAddress& address, std::string_view role, std::uint16_t usual_port);

class ApiClient {
 public:
  ApiClient(net::Client& http, net::Url at, const ApiAddress& address);

  // The answer's JSON, or the error that the platform sent. service_unavailable says how to start one.
  Task<Result<json::value>> call(net::Method method, std::string path, std::optional<json::value> body = {});
  // The same with a body that is no JSON.
  Task<Result<json::value>> upload(net::Method method, std::string path, std::string content_type,
                                   std::string body);
  // The head of a streamed answer; an error status becomes the error that it carries.
  Task<Result<net::OpenResponse>> open(std::string path, json::value body);
  // The same for something that is fetched, of any size.
  Task<Result<net::OpenResponse>> fetch(std::string path);

 private:
  Task<Result<net::OpenResponse>> open(net::ClientRequest request);
  net::ClientRequest request(net::Method method, std::string path,
                             const std::optional<json::value>& body) const;
  Error explain(Error error) const;
  Task<Result<json::value>> send(net::ClientRequest question);

  net::Client& http_;
  net::Url at_;
  std::string user_;
  std::string api_key_;
};

// Runs one conversation with the agent service to its end; the exit code of the program.
using WithAgentService = std::function<int(std::function<Task<Result<void>>(ApiClient&)>)>;

}  // namespace isa::app
