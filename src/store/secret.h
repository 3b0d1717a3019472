// Secrets that the credential broker adds to requests outside of a sandbox. What is kept here is sealed: only
// cloud_os has the key.
#pragma once

#include "base/async.h"
#include "base/identity.h"
#include "base/json.h"
#include "base/result.h"

namespace isa::store {

struct SecretIdTag {
  static constexpr std::string_view prefix = "secret_";
};
using SecretId = Id<SecretIdTag>;

// header: added to the request. placeholder: the sandbox's environment holds a random text that stands for
// it.
enum class SecretKind { header, placeholder };
BOOST_DESCRIBE_ENUM(SecretKind, header, placeholder)

// How an access token is renewed (RFC 6749, sections 4.4 and 6), and how the client proves who it is.
enum class OauthGrantType { refresh_token, client_credentials };
BOOST_DESCRIBE_ENUM(OauthGrantType, refresh_token, client_credentials)
enum class OauthClientAuth { none, client_secret_basic, client_secret_post };
BOOST_DESCRIBE_ENUM(OauthClientAuth, none, client_secret_basic, client_secret_post)

// Why the last attempt to renew failed.
struct RenewalFailure {
  std::string code;  // Of the authorization server (invalid_grant), or what kept us from it (timeout).
  Timestamp at;
};
BOOST_DESCRIBE_STRUCT(RenewalFailure, (), (code, at))

// Where the value of a secret comes from when it is an access token. What is confidential of it is sealed
// with the value.
struct SecretOauth {
  std::string token_url;
  std::string client_id;
  OauthClientAuth auth_method = OauthClientAuth::none;
  OauthGrantType grant = OauthGrantType::refresh_token;
  std::optional<std::string> scope;
  std::optional<std::string> resource;
  std::optional<Timestamp> obtained_at;  // The token of now; nothing: there is none yet.
  std::optional<Timestamp> expires_at;   // Nothing: nobody says.
  std::int64_t renewals = 0;             // Since it was set.
  std::optional<RenewalFailure> last_error;
};
BOOST_DESCRIBE_STRUCT(SecretOauth, (),
                      (token_url, client_id, auth_method, grant, scope, resource, obtained_at, expires_at,
                       renewals, last_error))

struct Secret {
  SecretId id;  // Stays the same when the value changes.
  std::string name;
  UserId owner_id;              // Who set it last.
  std::optional<OrgId> org_id;  // Set: every member's sandboxes use it. Else the owner's alone do.
  SecretKind kind = SecretKind::header;
  std::vector<std::string> hosts;     // net/host_pattern.h
  std::optional<std::string> header;  // Of kind header: "Authorization: Bearer {}".
  std::optional<std::string> env;     // Of kind placeholder: the variable that holds it.
  std::optional<std::vector<std::string>> methods;
  std::optional<std::string> path_prefix;
  std::optional<SecretOauth> oauth;
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<Timestamp> used_at;
};
BOOST_DESCRIBE_STRUCT(Secret, (),
                      (id, name, owner_id, org_id, kind, hosts, header, env, methods, path_prefix, oauth,
                       created_at, updated_at, used_at))

struct SealedSecret {
  Secret secret;
  std::string sealed;
  std::int64_t revision = 0;  // Grows with every value; the store's to set.
};

// A name is unique among the secrets of one user, and among those of one organization.
class SecretStore {
 public:
  virtual ~SecretStore() = default;
  // Adds it, or replaces the one of that name and holder; that one's id and times of creation and use stay.
  // Returns what is stored now.
  virtual Task<Result<Secret>> put(SealedSecret secret) = 0;
  // Those of the user, then those of the organization, each by name.
  virtual Task<Result<std::vector<SealedSecret>>> list(UserId user, std::optional<OrgId> org) = 0;
  // not_found when there is none of that name: of the organization when one is named, else of the user.
  virtual Task<Result<void>> remove(UserId user, std::optional<OrgId> org, std::string name) = 0;
  // not_found when it is gone.
  virtual Task<Result<SealedSecret>> find(SecretId id) = 0;
  // The value of `given` is renewed: takes its `sealed` and `secret.oauth`, and leaves the rest. conflict
  // when the stored one has another revision, since somebody set it meanwhile; not_found when it is gone.
  virtual Task<Result<void>> renew(SealedSecret given) = 0;
  // Notes why `revision` of it was not renewed; nothing is noted when that is not the stored one any more.
  virtual Task<Result<void>> note_failure(SecretId id, std::int64_t revision, RenewalFailure failure) = 0;
  virtual Task<Result<void>> mark_used(std::vector<SecretId> ids, Timestamp at) = 0;
};

}  // namespace isa::store
