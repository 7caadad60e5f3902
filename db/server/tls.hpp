#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vswitchd/net/result.hpp"

namespace boost::asio::ssl {
class context;
}

namespace bondway::server {

class Host;

/// Where the keys and certificates for ssl: and pssl: remotes are, in PEM; ovsdb-server(1).  Each
/// is the name of a file, or db:DATABASE,TABLE,COLUMN: the column that holds it.
struct TlsFiles {
  std::string private_key, certificate;
  std::string ca_cert;       ///< "none": believe anybody
  std::string peer_ca_cert;  ///< more certificates to show to peers; may be empty
  std::string protocols;     ///< "TLSv1.2" and the like, separated by commas; empty: 1.2 and newer
  std::string ciphers;       ///< OpenSSL's cipher list; empty: the default
  bool operator==(const TlsFiles&) const = default;
};

/// With every db: replaced by the value found there; empty where there is none.
TlsFiles resolve(TlsFiles files, const Host& host);

/// Our identity towards TLS peers and whom we believe: only those with a certificate signed by the
/// CA, in both directions.
class TlsIdentity {
 public:
  /// `host` outlives this.
  TlsIdentity(TlsFiles files, const Host& host) : sources_(std::move(files)), host_(host) {}

  /// For one more connection; reads the files again when they, or their names in the database,
  /// have changed.  The error tells what is missing or wrong.
  Result<std::shared_ptr<boost::asio::ssl::context>> context();

 private:
  const TlsFiles sources_;
  const Host& host_;
  TlsFiles files_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::vector<std::filesystem::file_time_type> loaded_;
};

}  // namespace bondway::server
