#include "db/client/tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace bondway::client {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* session) const { SSL_free(session); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using Session = std::unique_ptr<SSL, Free>;

tl::unexpected<Error> tls_error(std::string_view doing) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return fail("{}: {}", doing, reason != nullptr ? reason : "TLS error");
}

class TlsStream final : public Stream {
 public:
  TlsStream(UniqueSocket socket, Context context, Session session)
      : socket_(std::move(socket)), context_(std::move(context)), session_(std::move(session)) {}

  ~TlsStream() override { SSL_shutdown(session_.get()); }

  Result<void> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      std::size_t sent = 0;
      if (SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &sent) != 1) {
        return tls_error("TLS write");
      }
      bytes.remove_prefix(sent);
    }
    return {};
  }

  Result<bool> read(std::string& out, std::optional<std::chrono::milliseconds> patience) override {
    if (patience && SSL_pending(session_.get()) == 0 && !wait_readable(socket_.get(), *patience)) {
      return false;
    }
    constexpr std::size_t kRecord = std::size_t{16} << 10;  // the largest of TLS
    const std::size_t before = out.size();
    out.resize(before + kRecord);
    std::size_t got = 0;
    const int done = SSL_read_ex(session_.get(), out.data() + before, kRecord, &got);
    out.resize(before + got);
    if (done == 1) return true;
    const int why = SSL_get_error(session_.get(), 0);
    if (why == SSL_ERROR_ZERO_RETURN) return fail("End of file");
    return tls_error("TLS read");
  }

 private:
  UniqueSocket socket_;
  Context context_;
  Session session_;
};

Result<void> restrict_protocols(SSL_CTX* context, const std::string& protocols) {
  if (protocols.empty()) return {};
  const std::pair<const char*, long> known[] = {
      {"TLSv1.2", SSL_OP_NO_TLSv1_2}, {"TLSv1.1", SSL_OP_NO_TLSv1_1}, {"TLSv1", SSL_OP_NO_TLSv1}};
  std::string list = protocols;
  for (char& c : list) {
    if (c == ' ' || c == '\t') c = ',';
  }
  list = "," + list + ",";
  for (const auto& [name, disable] : known) {
    if (list.find("," + std::string(name) + ",") == std::string::npos) {
      SSL_CTX_set_options(context, static_cast<std::uint64_t>(disable));
    }
  }
  return {};
}

Result<Context> make_context(const TlsFiles& files, bool verify) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return tls_error("TLS");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (auto limited = restrict_protocols(raw, files.protocols); !limited) {
    return tl::unexpected(limited.error());
  }
  if (!files.ciphers.empty() && SSL_CTX_set_cipher_list(raw, files.ciphers.c_str()) != 1) {
    return tls_error(files.ciphers);
  }
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return tls_error(files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, files.private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_error(files.private_key);
  }
  if (SSL_CTX_check_private_key(raw) != 1) return tls_error(files.private_key);
  const std::string& ca = files.ca_cert.empty() ? files.bootstrap_ca_cert : files.ca_cert;
  if (verify && SSL_CTX_load_verify_file(raw, ca.c_str()) != 1) return tls_error(ca);
  SSL_CTX_set_verify(raw, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return context;
}

/// Stores the last certificate of the peer's chain, which must be self-signed, as the CA to trust
/// from now on.  Never overwrites a file.
Result<void> bootstrap(SSL* session, const std::string& path) {
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  if (chain == nullptr || sk_X509_num(chain) == 0) return fail("no certificate from the peer");
  X509* ca = sk_X509_value(chain, sk_X509_num(chain) - 1);
  if (X509_check_issued(ca, ca) != X509_V_OK) {
    return fail("could not bootstrap CA cert: the peer's last certificate is not self-signed");
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (fd < 0) return fail("{}: {}", path, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  const std::unique_ptr<std::FILE, Free> file(::fdopen(fd, "w"));
  if (PEM_write_X509(file.get(), ca) != 1) return tls_error(path);
  return {};
}

}  // namespace

Result<std::unique_ptr<Stream>> start_tls(UniqueSocket socket, const std::string& host,
                                          const TlsFiles& files) {
  const bool first_time =
      files.ca_cert.empty() &&
      (files.bootstrap_ca_cert.empty() || ::access(files.bootstrap_ca_cert.c_str(), F_OK) != 0);
  if (first_time && files.bootstrap_ca_cert.empty()) return fail("Protocol not available");
  Result<Context> context = make_context(files, !first_time);
  if (!context) return tl::unexpected(context.error());
  Session session(SSL_new(context->get()));
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) return tls_error("TLS");
  SSL_set_tlsext_host_name(session.get(), host.c_str());
  if (SSL_connect(session.get()) != 1) return tls_error("TLS handshake");
  if (first_time) {
    if (auto stored = bootstrap(session.get(), files.bootstrap_ca_cert); !stored) {
      return tl::unexpected(stored.error());
    }
  }
  return std::make_unique<TlsStream>(std::move(socket), std::move(*context), std::move(session));
}

}  // namespace bondway::client
