// TLS for the client and the server, as a library of its own: what links isa::net alone needs no OpenSSL.
#pragma once

#include "net/server.h"
#include "net/stream.h"

#include <memory>
#include <string>

namespace isa::net {

struct TlsRoots {
  std::string file;             // PEM; empty means the system's roots.
  std::string extra_file = {};  // PEM; trusted besides.
};

// For Client: TLS 1.2 or newer, SNI, and the peer's certificate verified up to the roots and against the
// host's name or address. failed_dependency when the roots cannot be read.
Result<std::unique_ptr<TlsConnector>> make_tls_connector(TlsRoots roots = {});

// For Server::listen. failed_dependency when a file cannot be read or the key is not the certificate's.
Result<std::unique_ptr<TlsAcceptor>> make_tls_acceptor(const TlsFiles& files);

}  // namespace isa::net
