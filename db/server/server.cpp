#include "db/server/server.hpp"

#include "db/rpc/remote.hpp"
#include "db/server/database_remotes.hpp"
#include "db/server/endpoint.hpp"

namespace bondway::server {

Server::Server(asio::io_context& io, ServerSettings settings, process::Logger log)
    : self_(this, [](Server*) {}),
      io_(io),
      settings_(std::move(settings)),
      log_(log),
      timer_(io),
      host_([] { return std::chrono::steady_clock::now(); }, [this] { settle_soon(); }),
      tls_(settings_.tls, host_) {
  context_ = std::make_unique<EndpointContext>(
      EndpointContext{io, host_, tls_, log_, settings_.connection, settings_.max_connections,
                      std::make_shared<std::size_t>(0)});
}

Server::~Server() = default;

// --- remotes
// --------------------------------------------------------------------------------------

Result<void> Server::add_remote(const std::string& remote) {
  if (endpoints_.count(remote) + columns_.count(remote) > 0) return {};
  if (remote.starts_with("db:")) {
    auto column = DatabaseRemotes::from(*this, remote);
    if (!column) return tl::unexpected(column.error());
    columns_.emplace(remote, std::move(*column));
    return {};
  }
  auto endpoint = serve(remote, {});
  if (!endpoint) return tl::unexpected(endpoint.error());
  endpoints_.emplace(remote, std::move(*endpoint));
  return {};
}

Result<std::unique_ptr<Endpoint>> Server::serve(const std::string& text,
                                                const EndpointOptions& options) {
  auto remote = rpc::parse_remote(text);
  if (!remote) return tl::unexpected(remote.error());
  if (!remote->path.empty() && !remote->path.starts_with('/'))
    remote->path = settings_.rundir + '/' + remote->path;
  return make_endpoint(*context_, *remote, options);
}

bool Server::remove_remote(std::string_view remote) {
  if (const auto found = endpoints_.find(remote); found != endpoints_.end()) {
    endpoints_.erase(found);
    return true;
  }
  const auto found = columns_.find(remote);
  if (found == columns_.end()) return false;
  columns_.erase(found);
  return true;
}

std::vector<std::string> Server::remotes() const {
  std::map<std::string_view, bool> sorted;
  for (const auto& [remote, endpoint] : endpoints_) sorted[remote] = true;
  for (const auto& [remote, column] : columns_) sorted[remote] = true;
  std::vector<std::string> names;
  for (const auto& [remote, present] : sorted) names.emplace_back(remote);
  return names;
}

void Server::reconnect() {
  for (const auto& [remote, endpoint] : endpoints_) endpoint->reconnect();
  for (const auto& [remote, column] : columns_) column->reconnect();
}

std::size_t Server::connections() const { return *context_->connections; }

// --- rounds
// ---------------------------------------------------------------------------------------

/// After what is ready now, so that the requests of many clients share one commit.
void Server::settle_soon() {
  if (settle_due_) return;
  settle_due_ = true;
  asio::post(io_, [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) self->settle();
  });
}

void Server::settle() {
  settle_due_ = false;
  host_.settle();
  arm();
}

void Server::arm() {
  const auto deadline = host_.deadline();
  if (!deadline || (armed_ && *armed_ <= *deadline)) return;
  armed_ = deadline;
  timer_.expires_at(*deadline);
  timer_.async_wait([weak = std::weak_ptr(self_)](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_.reset();
    self->host_.expire();
    self->arm();
  });
}

}  // namespace bondway::server
