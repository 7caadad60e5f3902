#include "db/server/tls.hpp"

#include "db/rpc/asio.hpp"
// After Asio.
#include <boost/asio/ssl.hpp>

#include "db/server/database_column.hpp"
#include "db/server/host.hpp"

namespace bondway::server {
namespace {

using asio::ssl::context;
using boost::system::error_code;

struct Protocol {
  std::string_view name;
  context::options disable;
};
constexpr Protocol kProtocols[] = {
    {"TLSv1", context::no_tlsv1},
    {"TLSv1.1", context::no_tlsv1_1},
    {"TLSv1.2", context::no_tlsv1_2},
    {"TLSv1.3", context::no_tlsv1_3},
};

bool is_listed(std::string_view list, std::string_view name) {
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find_first_of(", ", begin), list.size());
    if (list.substr(begin, end - begin) == name) return true;
    begin = end + 1;
  }
  return false;
}

void limit_protocols(context& tls, const std::string& allowed) {
  const std::string_view list = allowed.empty() ? "TLSv1.2,TLSv1.3" : std::string_view(allowed);
  for (const Protocol& protocol : kProtocols)
    if (!is_listed(list, protocol.name)) tls.set_options(protocol.disable);
}

/// The first string in a column; empty if there is none.
std::string find_text(const Host& host, const std::string& place) {
  const auto column = DatabaseColumn::parse(place);
  const db::Database* database = column ? host.find(column->database) : nullptr;
  const db::Table* table = database != nullptr ? database->schema().find(column->table) : nullptr;
  const auto position = table != nullptr ? table->find(column->column) : std::nullopt;
  if (!position) return {};
  for (const auto& [uuid, row] : database->rows(*table))
    for (const db::Atom& value : row->columns[*position].keys())
      if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return {};
}

std::vector<std::filesystem::file_time_type> times(const TlsFiles& files) {
  std::vector<std::filesystem::file_time_type> times;
  for (const std::string& file :
       {files.private_key, files.certificate, files.ca_cert, files.peer_ca_cert}) {
    std::error_code ignored;
    times.push_back(std::filesystem::last_write_time(file, ignored));
  }
  return times;
}

Result<void> load_identity(context& tls, const TlsFiles& files) {
  error_code error;
  tls.use_certificate_chain_file(files.certificate, error);
  if (error) return fail("{}: {}", files.certificate, error.message());
  tls.use_private_key_file(files.private_key, context::pem, error);
  if (error) return fail("{}: {}", files.private_key, error.message());
  if (files.peer_ca_cert.empty()) return {};
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(
      BIO_new_file(files.peer_ca_cert.c_str(), "r"), &BIO_free);
  if (!file) return fail("{}: cannot be read", files.peer_ca_cert);
  while (X509* certificate = PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr))
    SSL_CTX_add_extra_chain_cert(tls.native_handle(), certificate);  // takes it over
  ERR_clear_error();                                                 // the end of the file
  return {};
}

Result<void> load_trust(context& tls, const TlsFiles& files) {
  error_code error;
  if (files.ca_cert == "none") {
    tls.set_verify_mode(asio::ssl::verify_none, error);
    return {};
  }
  tls.load_verify_file(files.ca_cert, error);
  if (error) return fail("{}: {}", files.ca_cert, error.message());
  tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
  return {};
}

}  // namespace

TlsFiles resolve(TlsFiles files, const Host& host) {
  for (std::string* file : {&files.private_key, &files.certificate, &files.ca_cert})
    if (file->starts_with("db:")) *file = find_text(host, *file);
  return files;
}

Result<std::shared_ptr<context>> TlsIdentity::context() {
  TlsFiles present = resolve(sources_, host_);
  if (!(present == files_)) context_.reset();
  files_ = std::move(present);
  if (files_.private_key.empty() || files_.certificate.empty() || files_.ca_cert.empty())
    return fail("SSL needs a private key, a certificate and a CA certificate");
  auto now = times(files_);
  if (context_ && now == loaded_) return context_;
  auto tls = std::make_shared<asio::ssl::context>(context::tls);
  static constexpr unsigned char kSessions[] = "ovsdb";  // a peer may resume its session with us
  SSL_CTX_set_session_id_context(tls->native_handle(), kSessions, sizeof kSessions);
  limit_protocols(*tls, files_.protocols);
  if (const auto loaded = load_identity(*tls, files_); !loaded)
    return tl::unexpected(loaded.error());
  if (const auto loaded = load_trust(*tls, files_); !loaded) return tl::unexpected(loaded.error());
  if (!files_.ciphers.empty() &&
      SSL_CTX_set_cipher_list(tls->native_handle(), files_.ciphers.c_str()) != 1)
    return fail("{}: no such ciphers", files_.ciphers);
  context_ = std::move(tls);
  loaded_ = std::move(now);
  return context_;
}

}  // namespace bondway::server
