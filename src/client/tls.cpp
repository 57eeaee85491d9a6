#include "client/tls.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

namespace einfer::client {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// Forward secrecy and authenticated encryption only; those of TLS 1.3 are so by themselves.
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL";
constexpr std::array<unsigned char, 9> http11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

Failure bad_file(std::string_view what, const std::string& file, const std::string& why) {
    return invalid_argument("the " + std::string(what) + ' ' + printable(file, 200) + ": " + why);
}

Failure tls(std::string message) { return {ErrorKind::Tls, std::move(message)}; }

Failure untrusted(const ServerUrl& server, long reason) {
    const std::string certificate = "the certificate of " + server.text();
    switch (reason) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return tls(certificate + " is for another host, not for " + server.host);
        default:
            return tls(certificate + " is not trusted: " + X509_verify_cert_error_string(reason) +
                       " (a CA file says whom to trust)");
    }
}

}  // namespace

Outcome<TlsContext> make_tls_context(const TlsFiles& files) {
    auto made = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX* const native = made->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(native, tls12_ciphers);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_protos(native, http11.data(), http11.size());
    error_code ec;
    made->set_verify_mode(ssl::verify_peer, ec);
    if (ec) return Failure{ErrorKind::Crypto, "TLS cannot be set up: " + ec.message()};

    if (files.ca.empty())
        made->set_default_verify_paths(ec);  // none there: then nothing is trusted
    else if (made->load_verify_file(files.ca, ec); ec)
        return bad_file("CA file", files.ca, "no certificates in PEM: " + ec.message());
    if (files.certificate.empty() != files.key.empty())
        return invalid_argument("a client certificate and its key go together: give both, or none");
    if (files.certificate.empty()) return made;
    // An encrypted key would make OpenSSL ask at the terminal.
    made->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, ec);
    made->use_certificate_chain_file(files.certificate, ec);
    if (ec) return bad_file("client certificate", files.certificate, "no certificate chain in PEM: " + ec.message());
    made->use_private_key_file(files.key, ssl::context::pem, ec);
    if (ec)
        return bad_file("client key", files.key,
                        "no unencrypted private key in PEM, or not that of the certificate: " + ec.message());
    return made;
}

std::optional<Failure> TlsPeer::expect(SSL* ssl, const ServerUrl& server) {
    asked_for_certificate_ = false;
    SSL_set_cert_cb(
        ssl,
        [](SSL*, void* asked) {
            *static_cast<bool*>(asked) = true;
            return 1;
        },
        &asked_for_certificate_);

    error_code no_address;
    boost::asio::ip::make_address(server.host, no_address);
    bool good = false;
    if (no_address) {
        std::string name = server.host;
        if (name.ends_with('.')) name.pop_back();
        // RFC 6125: the alternative names say for whom it is, not the subject.
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        // The last is SSL_set_tlsext_host_name(), a macro with a C cast.
        good = SSL_set1_host(ssl, name.c_str()) == 1 &&
               SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
    } else {
        good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server.host.c_str()) == 1;
    }
    if (!good) return tls("no certificate can be for the host of " + server.text());
    return std::nullopt;
}

std::optional<Failure> TlsPeer::explain(SSL* ssl, const error_code& error, const ServerUrl& server) const {
    if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) return untrusted(server, verified);
    const bool showed_one = SSL_get_certificate(ssl) != nullptr;
    const std::string demands = server.text() + " demands a client certificate";
    if (error.category() != boost::asio::error::get_ssl_category()) {
        const bool ended = error == boost::asio::error::eof || error == boost::asio::error::connection_reset ||
                           error == boost::asio::error::broken_pipe || is_truncation(error);
        if (ended && asked_for_certificate_ && !showed_one)
            return tls(server.text() + " asked for a client certificate, got none, and ended the connection");
        return std::nullopt;
    }

    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    switch (reason) {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return tls(demands);
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        case SSL_R_UNSUPPORTED_PROTOCOL: return tls(server.text() + " does not speak TLS 1.2 or later");
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
            if (!asked_for_certificate_) break;
            return tls(showed_one ? server.text() + " does not accept the client certificate: " + error.message()
                                  : demands);
        default: break;
    }
    if (reason > SSL_AD_REASON_OFFSET) return tls(server.text() + " refused TLS: " + error.message());
    // Its last handshake message was sent: whatever fails later, it did speak TLS. (A fatal error undoes "init
    // finished".)
    if (SSL_get_finished(ssl, nullptr, 0) != 0) return tls("TLS with " + server.text() + " failed: " + error.message());
    return tls(server.text() + " does not speak TLS (is it an http:// server?): " + error.message());
}

bool is_truncation(const error_code& error) { return error == ssl::error::stream_truncated; }

}  // namespace einfer::client
