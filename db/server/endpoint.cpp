#include "db/server/endpoint.hpp"

#include "db/server/connector.hpp"
#include "db/server/listener.hpp"

namespace bondway::server {

Result<std::unique_ptr<Endpoint>> make_endpoint(EndpointContext& context, const rpc::Remote& remote,
                                                const EndpointOptions& options) {
  if (remote.direction == rpc::Direction::active)
    return std::make_unique<Connector>(context, remote, options);
  auto acceptor = listen(context.io, remote, options.dscp);
  if (!acceptor) return tl::unexpected(acceptor.error());
  return std::make_unique<Listener>(context, remote, options, std::move(*acceptor));
}

}  // namespace bondway::server
