#pragma once

#include <optional>
#include <string>

#include "db/server/clients.hpp"
#include "db/server/endpoint.hpp"

namespace bondway::server {

/// An active remote: connects to a client that listens, and again whenever that ends, after a pause
/// of one second that doubles up to the option's.
class Connector final : public Endpoint {
 public:
  Connector(EndpointContext& context, const rpc::Remote& remote, const EndpointOptions& options);

  void set_options(const EndpointOptions& options) override;
  void reconnect() override;
  bool is_connected() const override { return clients_.size() > 0; }
  std::size_t connections() const override { return clients_.size(); }
  std::map<std::string, std::string> status() const override;

 private:
  enum class State : std::uint8_t { backoff, connecting, active };

  void connect();
  void connect_tcp();
  void connected(boost::system::error_code error);
  void ended(const std::string& why);
  void retry_later(const std::string& why);

  EndpointContext& context_;
  rpc::Remote remote_;
  EndpointOptions options_;
  State state_ = State::backoff;
  std::chrono::milliseconds backoff_{0};
  std::string last_error_;
  std::optional<Clock::time_point> connected_at_, disconnected_at_;
  asio::steady_timer timer_;
  asio::ip::tcp::resolver resolver_;
  Socket socket_;
  Clients clients_;
  std::shared_ptr<Connector> self_;  ///< owns nothing; expires with this
};

}  // namespace bondway::server
