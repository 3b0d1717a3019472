#pragma once

#include "net/endpoint.h"
#include "net/stream.h"

#include <boost/asio/basic_socket_acceptor.hpp>

namespace isa::net {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

// Takes over a descriptor that listens already.
Result<Acceptor> adopt_listener(asio::any_io_executor executor, int fd);

// "127.0.0.1", "::1", "unix"
std::string peer_name(const asio::generic::stream_protocol::endpoint& peer);
void set_no_delay(Socket& socket);

}  // namespace isa::net
