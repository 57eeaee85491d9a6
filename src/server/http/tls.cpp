#include "server/http/tls.h"

#include <openssl/ssl.h>

#include <array>
#include <filesystem>

namespace einfer::server::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// Forward secrecy and authenticated encryption only (the "intermediate" set of Mozilla's recommendations without DHE).
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL";

int choose_http11(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                  unsigned int offered_size, void*) {
    static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* selected = nullptr;
    const int found = SSL_select_next_proto(&selected, chosen_size, ours.data(), ours.size(), offered, offered_size);
    *chosen = selected;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void configure(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, tls12_ciphers);
    // A body may hold a secret key that was sent by mistake: no decrypted copy of it stays behind.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("einfer"), 6);
    SSL_CTX_set_alpn_select_cb(context, choose_http11, nullptr);
}

Error bad(const std::filesystem::path& file, const std::string& reason) {
    return {ErrorCode::Internal, file.string() + ": " + reason};
}

}  // namespace

std::shared_ptr<ssl::context> Tls::context() const {
    const std::scoped_lock lock(mutex_);
    return context_;
}

Result<void> Tls::load() {
    if (!enabled()) return {};
    for (const auto& file : {options_.certificate, options_.key, options_.client_ca}) {
        std::error_code ec;  // reading a pipe, say, would stop the server
        if (!file.empty() && !std::filesystem::is_regular_file(file, ec)) return bad(file, "is not there, or no file");
    }
    auto fresh = std::make_shared<ssl::context>(ssl::context::tls_server);
    configure(fresh->native_handle());
    error_code ec;
    // An encrypted key would make OpenSSL ask at the terminal.
    fresh->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, ec);
    fresh->use_certificate_chain_file(options_.certificate.string(), ec);
    if (ec) return bad(options_.certificate, "no certificate chain in PEM: " + ec.message());
    fresh->use_private_key_file(options_.key.string(), ssl::context::pem, ec);
    if (ec)
        return bad(options_.key, "no unencrypted private key in PEM, or not that of the certificate: " + ec.message());
    if (!options_.client_ca.empty()) {
        fresh->load_verify_file(options_.client_ca.string(), ec);
        if (ec) return bad(options_.client_ca, "no certificates in PEM: " + ec.message());
        SSL_CTX_set_client_CA_list(fresh->native_handle(), SSL_load_client_CA_file(options_.client_ca.c_str()));
        // A session that is resumed shows no certificate: it could go on after that has expired.
        SSL_CTX_set_options(fresh->native_handle(), SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(fresh->native_handle(), 0);
        SSL_CTX_set_session_cache_mode(fresh->native_handle(), SSL_SESS_CACHE_OFF);
        fresh->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, ec);
    }
    const std::scoped_lock lock(mutex_);
    context_ = std::move(fresh);
    return {};
}

}  // namespace einfer::server::http
