#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "db/rpc/json_stream.hpp"

namespace bondway::bench {

/// A client that costs little beside the server: requests are text, replies are only cut apart.
/// Throws std::system_error when the server is not there, std::runtime_error when it goes away.
class Client {
 public:
  explicit Client(const std::string& socket_path);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int descriptor() const { return socket_; }
  void send(std::string_view text);

  /// The next message; lives until the next call.
  std::string_view receive();

  /// Sends one request and returns the next message.  Not while updates may come.
  std::string call(std::string_view request);

  /// Takes what has arrived, without waiting; the number of messages that it completed.
  std::size_t drain();

 private:
  bool fill(int flags);

  int socket_;
  rpc::JsonStream in_;
  std::vector<char> chunk_;
};

}  // namespace bondway::bench
