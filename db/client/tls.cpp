#include "db/client/tls.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

namespace bondway::client {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* session) const { SSL_free(session); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using ContextPointer = std::unique_ptr<SSL_CTX, Free>;
using Session = std::unique_ptr<SSL, Free>;

/// OpenSSL's words for the oldest error that was not told yet.
std::string openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

tl::unexpected<Error> tls_error(std::string_view doing) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return fail("{}: {}", doing, reason != nullptr ? reason : "TLS error");
}

class TlsStream final : public Stream {
 public:
  TlsStream(UniqueSocket socket, Session session)
      : socket_(std::move(socket)), session_(std::move(session)) {}

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
  Session session_;
};

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

struct Protocol {
  std::string_view name;
  std::uint64_t disable;
};
constexpr Protocol kProtocols[] = {
    {"TLSv1.2", SSL_OP_NO_TLSv1_2}, {"TLSv1.1", SSL_OP_NO_TLSv1_1}, {"TLSv1", SSL_OP_NO_TLSv1}};

/// Words between commas and blanks.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  constexpr const char* kSeparators = ", \t";
  for (std::size_t at = text.find_first_not_of(kSeparators); at != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSeparators, end);
  }
  return words;
}

}  // namespace

struct Tls::Context {
  ContextPointer pointer{SSL_CTX_new(TLS_client_method())};
};

Tls::Tls(Complain complain) : complain_(std::move(complain)) {}
Tls::~Tls() = default;

Tls::Context& Tls::context() {
  if (!context_) {
    context_ = std::make_unique<Context>();
    SSL_CTX_set_options(context_->pointer.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(context_->pointer.get(), SSL_VERIFY_PEER, nullptr);
  }
  return *context_;
}

void Tls::use_private_key(const std::string& file) {
  SSL_CTX* raw = context().pointer.get();
  has_key_ = SSL_CTX_use_PrivateKey_file(raw, file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!has_key_) complain_("SSL_use_PrivateKey_file: " + openssl_error());
}

void Tls::use_certificate(const std::string& file) {
  SSL_CTX* raw = context().pointer.get();
  has_certificate_ = SSL_CTX_use_certificate_file(raw, file.c_str(), SSL_FILETYPE_PEM) == 1 &&
                     SSL_CTX_use_certificate_chain_file(raw, file.c_str()) == 1;
  if (!has_certificate_) complain_("SSL_use_certificate_file: " + openssl_error());
}

void Tls::use_ca(const std::string& file) {
  has_ca_ = true;
  if (SSL_CTX_load_verify_file(context().pointer.get(), file.c_str()) != 1) {
    complain_("failed to load client certificates from " + file + ": " + openssl_error());
  }
}

void Tls::bootstrap_ca(const std::string& file) {
  if (::access(file.c_str(), F_OK) == 0) return use_ca(file);
  has_ca_ = true;
  bootstrap_file_ = file;
}

void Tls::send_ca(const std::string& file) {
  const std::unique_ptr<std::FILE, Free> stream(std::fopen(file.c_str(), "r"));
  if (!stream) {
    complain_(fmt::format("failed to open {} for reading: {}", file,
                          std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe): one thread
    return;
  }
  while (X509* certificate = PEM_read_X509(stream.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add_extra_chain_cert(context().pointer.get(), certificate);  // takes it over
  }
  ERR_clear_error();  // the end of the file
}

void Tls::use_protocols(const std::string& names) {
  std::uint64_t disable = 0;
  for (const Protocol& protocol : kProtocols) disable |= protocol.disable;
  for (const std::string& name : split(names)) {
    const auto* known = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                     [&](const Protocol& row) { return row.name == name; });
    if (known == std::end(kProtocols)) return complain_(name + ": SSL protocol not recognized");
    disable &= ~known->disable;
  }
  SSL_CTX_set_options(context().pointer.get(), disable);
}

void Tls::use_ciphers(const std::string& names) {
  if (SSL_CTX_set_cipher_list(context().pointer.get(), names.c_str()) != 1) {
    complain_("SSL_CTX_set_cipher_list: " + openssl_error());
  }
}

bool Tls::is_complete() const {
  if (!has_key_) complain_("Private key must be configured to use SSL");
  if (!has_certificate_) complain_("Certificate must be configured to use SSL");
  if (!has_ca_) complain_("CA certificate must be configured to use SSL");
  return has_key_ && has_certificate_ && has_ca_;
}

Result<std::unique_ptr<Stream>> Tls::start(UniqueSocket socket, const std::string& host) {
  ERR_clear_error();
  SSL_CTX* raw = context().pointer.get();
  if (SSL_CTX_check_private_key(raw) != 1) return tls_error("private key");
  Session session(SSL_new(raw));
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) return tls_error("TLS");
  if (!bootstrap_file_.empty()) SSL_set_verify(session.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_tlsext_host_name(session.get(), host.c_str());
  if (SSL_connect(session.get()) != 1) return tls_error("TLS handshake");
  if (!bootstrap_file_.empty()) {
    if (auto stored = bootstrap(session.get(), bootstrap_file_); !stored) {
      return tl::unexpected(stored.error());
    }
    use_ca(std::exchange(bootstrap_file_, std::string()));
  }
  return std::make_unique<TlsStream>(std::move(socket), std::move(session));
}

}  // namespace bondway::client
